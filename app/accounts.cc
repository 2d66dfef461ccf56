#include "app/accounts.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <sys/stat.h>
#include <system_error>
#include <termios.h>
#include <unistd.h>

#include "config/load.h"
#include "config/values.h"
#include "core/access/jwt.h"
#include "core/access/password_file.h"

namespace millrace::app {
namespace {

namespace json = boost::json;

Exit fail(const std::string& problem, Exit exit = Exit::failed) {
    std::fputs(("millrace: " + problem + "\n").c_str(), stderr);
    return exit;
}

std::string last_problem() {
    return std::generic_category().message(errno);
}

/// Keeps what is typed off the screen, for one scope.
class NoEcho {
  public:
    NoEcho() {
        ::tcgetattr(STDIN_FILENO, &before_);
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    ~NoEcho() { ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

  private:
    termios before_{};
};

std::string ask(const char* prompt) {
    std::fputs(prompt, stderr);
    std::string line;
    std::getline(std::cin, line);
    std::fputs("\n", stderr);
    return line;
}

/// Twice from a terminal, else the first line of stdin. Empty, and said why: there is none.
std::string read_password() {
    std::string password;
    if (::isatty(STDIN_FILENO) != 0) {
        const NoEcho quiet;
        password = ask("Password: ");
        if (ask("Again: ") != password) {
            fail("the two passwords differ");
            return {};
        }
    } else {
        std::getline(std::cin, password);
        if (password.ends_with('\r')) password.pop_back();
    }
    if (password.empty()) fail("the password is empty");
    return password;
}

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(descriptor) == 0;
}

/// Whoever reads the file meanwhile sees the old one or the new one, whole. False: errno says why.
bool replace_file(const std::string& path, std::string_view text) {
    const std::string fresh = path + ".new." + std::to_string(::getpid());
    const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor < 0) return false;
    struct stat old {};
    // Root changes a server's file and leaves it to the server; for others there is nothing to give away.
    bool done = ::stat(path.c_str(), &old) != 0 || ::geteuid() != 0 ||
                ::fchown(descriptor, old.st_uid, old.st_gid) == 0;
    done = done && write_all(descriptor, text);
    done = ::close(descriptor) == 0 && done;
    if (done && ::rename(fresh.c_str(), path.c_str()) == 0) return true;
    const int why = errno;
    ::unlink(fresh.c_str());
    errno = why;
    return false;
}

std::int64_t now_s() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

bool is_number(const std::string& text) {
    constexpr std::size_t kDigitsMax = 18;
    return !text.empty() && text.size() <= kDigitsMax &&
           std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string claims_of(const TokenRequest& request, const json::object& extras, const config::Jwt& jwt,
                      config::milliseconds ttl) {
    const std::int64_t now = now_s();
    json::object claims{{"iat", now},
                        {"exp", now + std::chrono::duration_cast<std::chrono::seconds>(ttl).count()}};
    if (!jwt.issuer.empty()) claims["iss"] = jwt.issuer;
    if (!jwt.audience.empty()) claims["aud"] = jwt.audience;
    if (!extras.empty()) claims[jwt.extras_claim] = extras;
    if (is_number(request.user)) {
        claims[jwt.dbo_id_claim] = 1;
        claims[jwt.row_id_claim] = std::stoll(request.user);
    }
    claims[jwt.user_claim] = request.user;
    return json::serialize(claims);
}

}  // namespace

Exit change_password(const std::string& file, const std::string& user, bool scram) {
    if (!access::is_user_name(user)) {
        return fail("a user name has no ':', no '#' in front and no blanks around it", Exit::wrong_usage);
    }
    std::error_code error;
    const bool exists = std::filesystem::exists(file, error);
    const std::string path = exists ? std::filesystem::canonical(file, error).string() : file;
    const auto old = exists ? access::read_text_file(path) : access::Parsed<std::string>(std::string());
    if (!old) return fail(access::format(file, old.error()));
    const std::string password = read_password();
    if (password.empty()) return Exit::failed;
    if (password.find('\0') != std::string::npos) return fail("a password has no NUL in it");
    if (scram && !(access::is_prepared(user) && access::is_prepared(password))) {
        return fail(
            "for SCRAM, user and password are printable ASCII: others would have to be prepared (RFC 4013)");
    }
    const std::string hash =
        scram ? access::ScramVerifier::make(password).text() : access::PasswordHash::make(password);
    const std::string text = access::with_user(*old, user, hash);
    const auto checked = access::PasswordFile::parse(text);
    if (!checked) return fail(access::format(file, checked.error()) + "; it stays as it is");
    if (!replace_file(path, text)) return fail(file + ": cannot write: " + last_problem());
    return Exit::fine;
}

Exit mint_token(const std::string& config_path, const TokenRequest& request) {
    const config::LoadResult loaded = config::load_file(config_path);
    for (const config::Problem& problem : loaded.problems)
        std::fputs((config::format(config_path, problem) + "\n").c_str(), stderr);
    if (!loaded.problems.empty()) return Exit::failed;
    const config::Jwt& jwt = loaded.config.auth.jwt;
    if (jwt.secret.empty()) return fail(config_path + ": a token needs 'auth.jwt.secret' to be signed with");
    config::milliseconds ttl{0};
    constexpr std::uint64_t kTenYearsMs = std::uint64_t{3650} * 24 * 3600 * 1000;
    const config::Constraint range{.min = 1000, .max = kTenYearsMs, .unit = config::Unit::duration};
    const std::string wrong = config::assign(&ttl, range, request.ttl);
    if (!wrong.empty()) return fail("--ttl: " + wrong, Exit::wrong_usage);
    error_code error;
    const json::value extras = json::parse(request.extras, error);
    if (error || !extras.is_object()) return fail("--extras takes a JSON object", Exit::wrong_usage);
    const std::string claims = claims_of(request, extras.get_object(), jwt, ttl);
    std::fputs((access::sign_token(claims, jwt.secret) + "\n").c_str(), stdout);
    return Exit::fine;
}

}  // namespace millrace::app
