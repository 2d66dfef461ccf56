#include "tests/system/support/server.h"

#include <cstdlib>
#include <signal.h>
#include <stdexcept>

#include "tests/system/support/http_client.h"
#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {

std::filesystem::path source_directory() {
    return MILLRACE_SOURCE_DIR;
}

std::string millrace_binary() {
    const char* given = std::getenv("MILLRACE_BINARY");
    return given != nullptr ? std::string(given) : (source_directory() / "build/release/millrace").string();
}

Server::Server(std::string store_url, std::string more_yaml)
    : mqtt_port_(free_port()), http_port_(free_port()) {
    write_file(directory_.path() / "millrace.yaml", configuration(store_url, more_yaml));
}

Server::Server(const Yaml& yaml) : mqtt_port_(free_port()), http_port_(free_port()) {
    write_file(directory_.path() / "millrace.yaml", listeners() + yaml.text);
}

std::string Server::listeners() const {
    return "listeners:\n  - mqtt://127.0.0.1:" + std::to_string(mqtt_port_) +
           "\n  - http://127.0.0.1:" + std::to_string(http_port_) + "\n";
}

std::string Server::configuration(const std::string& store_url, const std::string& more_yaml) const {
    const std::string everybody =
        "    presence: true\n    anonymous: true\n    publish: anyone\n    private: anyone\n"
        "    audience: anyone\n";
    return listeners() + "threads: 2\nstore:\n  url: \"" + store_url +
           "\"\nrealtime:\n  key: default\nauth:\n  anonymous: true\nchannels:\n  - match: live/#\n    "
           "store: false\n" +
           everybody + "  - match: '#'\n    store: true\n    history: 100\n" + everybody + more_yaml;
}

void Server::start() {
    process_ = std::make_unique<Process>(
        Command{.argv = {millrace_binary(), "serve", "--config", directory_.path() / "millrace.yaml"},
                .directory = directory_.path(),
                .log = log_path()});
    const bool up = eventually([this] { return !running() || ready(); }, 30s);
    if (!up || !running()) throw std::runtime_error("the server does not come up:\n" + log());
}

bool Server::ready() {
    try {
        return http_get(http_port_, "/readyz").status == 200;
    } catch (const std::runtime_error&) {
        return false;  // it does not listen yet
    }
}

std::string Server::token(const std::string& user, std::vector<std::string> more_arguments) const {
    std::vector<std::string> argv = {
        millrace_binary(), "token", "--user", user, "--config", directory_.path() / "millrace.yaml"};
    argv.insert(argv.end(), more_arguments.begin(), more_arguments.end());
    const Outcome made = run({.argv = argv});
    if (made.status != 0) throw std::runtime_error("no token for " + user + ": " + made.error);
    return made.output.substr(0, made.output.find('\n'));
}

void Server::kill() {
    process_->signal(SIGKILL);
    process_->wait();
}

std::optional<int> Server::stop() {
    send_term();
    return wait(60s);  // a sanitizer looks for leaks at the end
}

std::string Server::http_url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(http_port_) + path;
}

std::string Server::websocket_url(const std::string& path) const {
    return "ws://127.0.0.1:" + std::to_string(http_port_) + path;
}

}  // namespace millrace::system_test
