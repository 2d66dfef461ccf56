#include "tests/system/support/scenario.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {
namespace {

const std::vector<std::string> kVersions{"3.1.1", "5.0"};

/// One client of a scenario.
class Actor {
  public:
    Actor(std::uint16_t port, int level) : socket_(port), level_(level) {}

    bool open() const { return open_; }
    void send(std::string_view bytes) { socket_.send(bytes); }
    void send_step(std::string_view bytes) {
        fresh_ = false;
        send(bytes);
    }
    void drop() { socket_.finish(); }
    std::uint16_t next_id() { return ++id_; }
    std::uint16_t last_received_id() const { return received_id_; }

    /// Everything up to the answer of a PINGREQ, or to the end.
    void settle() {
        send(mqtt_packet(0xc0, {}));
        while (const std::optional<MqttPacket> packet = next()) {
            if (packet->type() == PacketType::pingresp) return;
        }
    }
    /// Something of the step before, or the next packet, or the end.
    void await() {
        if (!fresh_) next();
    }
    /// What was asked for may be answered later than a PINGREQ: our SUBACK waits for the store.
    void await_answer(PacketType type) {
        while (const std::optional<MqttPacket> packet = next()) {
            if (packet->type() == type) return;
        }
    }
    void await_end() {
        while (next()) {
        }
    }
    /// What has been seen since the last time, acknowledgements before messages.
    Transcript take_lines() {
        std::ranges::stable_sort(lines_, {}, &Line::rank);
        Transcript taken;
        for (const Line& line : lines_) taken.push_back(line.text);
        lines_.clear();
        fresh_ = !taken.empty();
        return taken;
    }

  private:
    struct Line {
        int rank;
        std::string text;
    };

    std::optional<MqttPacket> next() {
        if (!open_) return std::nullopt;
        const Deadline deadline(kPatience);
        for (;;) {
            std::string_view unread = socket_.received();
            const std::size_t there = unread.size();
            const std::optional<MqttPacket> packet = take_packet(unread);
            socket_.take(there - unread.size());
            if (packet) return note(*packet), packet;
            if (!socket_.receive(deadline)) break;
        }
        open_ = false;
        lines_.push_back({3, socket_.is_closed() ? "closed" : "silence"});
        return std::nullopt;
    }
    void note(const MqttPacket& packet) {
        if (packet.type() == PacketType::pingresp) return;
        const bool message = packet.type() == PacketType::publish;
        if (message && (packet.first & 6) != 0) received_id_ = packet.publish_id();
        lines_.push_back({message                                   ? 1
                          : packet.type() == PacketType::disconnect ? 2
                                                                    : 0,
                          line_of(packet, level_)});
    }

    TcpSocket socket_;
    int level_;
    bool open_ = true;
    bool fresh_ = false;
    std::uint16_t id_ = 0;
    std::uint16_t received_id_ = 0;
    std::vector<Line> lines_;
};

/// The stage of one playing.
class Stage {
  public:
    Stage(std::uint16_t port, int level) : port_(port), level_(level) {}

    void play(const std::string& line) {
        Words words = split_words(line);
        if (words.at(0) == "sleep") {
            std::this_thread::sleep_for(std::chrono::duration<double>(std::stod(words.at(1))));
            return settle();
        }
        const std::string name = words.at(0);
        words.erase(words.begin());
        remember(name, words);
        if (words.at(0) == "connect") return connect(name, words);
        if (words.at(0) == "open") {
            actors_[name] = std::make_unique<Actor>(port_, level_);
            return;
        }
        act(*actors_.at(name), name, words);
    }
    /// Client by client: between clients there is no order.
    Transcript transcript() const {
        Transcript all;
        for (const auto& [name, lines] : said_) all.insert(all.end(), lines.begin(), lines.end());
        return all;
    }

    void clean() {
        actors_.clear();
        for (const std::string& id : client_ids_) say({mqtt_connect(kMqtt311, id)});
        for (const std::string& topic : retained_) {
            std::string empty = mqtt_publish(kMqtt311, topic, "", 0, 0);
            empty[0] |= 1;
            say({mqtt_connect(kMqtt311, "cleaner"), empty});
        }
    }

  private:
    void connect(const std::string& name, const Words& words) {
        const bool again = actors_.contains(name) && actors_.at(name)->open();
        const std::string key = again ? name + "'" : name;
        actors_[key] = std::make_unique<Actor>(port_, level_);
        actors_[key]->send_step(packet_of(words, level_, 0, name));
        actors_[key]->await();
        settle();
    }
    void act(Actor& actor, const std::string& name, const Words& words) {
        const std::string& verb = words[0];
        if (verb == "await") {
            actor.await();
            return settle();
        }
        if (verb == "drop") {
            actor.drop();
            actor.await_end();
            return settle();
        }
        if (verb == "second") return second_connect(actor, name);
        const std::uint16_t id = verb == "ack" ? actor.last_received_id() : actor.next_id();
        actor.send_step(packet_of(words, level_, id, name));
        if (verb == "disconnect") actor.await_end();
        if (verb == "sub") actor.await_answer(PacketType::suback);
        if (verb == "unsub") actor.await_answer(PacketType::unsuback);
        if (verb != "raw") settle();
    }
    void second_connect(Actor& actor, const std::string& name) {
        actor.send(packet_of({"connect"}, level_, 0, name));
        settle();
    }
    void settle() {
        for (const auto& [name, actor] : actors_) {
            if (actor->open()) actor->settle();
        }
        for (const auto& [name, actor] : actors_) {
            for (const std::string& line : actor->take_lines()) said_[name].push_back(name + ": " + line);
        }
    }
    void remember(const std::string& name, const Words& words) {
        if (words[0] == "connect") client_ids_.insert(name);
        const bool retained = std::ranges::find(words, "retain") != words.end();
        if (words[0] == "pub" && retained) retained_.insert(words.at(1));
        for (const std::string& word : words) {
            if (word.starts_with("as=") && word.size() < 40) client_ids_.insert(word.substr(3));
            if (word.starts_with("will=")) retained_.insert(word.substr(5));
        }
    }
    void say(const std::vector<std::string>& packets) {
        TcpSocket socket(port_);
        for (const std::string& packet : packets) socket.send(packet);
        socket.send(mqtt_packet(0xe0, {}));
        socket.closed_by_peer();
    }

    std::uint16_t port_;
    int level_;
    std::map<std::string, std::unique_ptr<Actor>> actors_;
    std::map<std::string, Transcript> said_;
    std::set<std::string> client_ids_;
    std::set<std::string> retained_;
};

/// `-- 3.1.1 5.0 mosquitto because name`: the transcripts that the lines below it belong to.
std::vector<Transcript*> expectations_of(Scenario& scenario, const std::string& heading) {
    const Words words = split_words(heading.substr(2));
    const bool mosquitto = std::ranges::find(words, "mosquitto") != words.end();
    std::vector<Transcript*> targets;
    for (const std::string& word : words) {
        if (std::ranges::find(kVersions, word) == kVersions.end()) continue;
        Expectation& expectation = scenario.expected[word];
        if (mosquitto) expectation.because = words.back();
        targets.push_back(mosquitto ? &expectation.mosquitto : &expectation.millrace);
    }
    return targets;
}

void read_line(const std::string& line, std::vector<Scenario>& scenarios, std::vector<Transcript*>& targets) {
    if (line.empty() || line.starts_with("%")) return;
    if (line.starts_with("== ")) {
        scenarios.push_back({.name = line.substr(3), .versions = kVersions, .steps = {}, .expected = {}});
        targets.clear();
        return;
    }
    if (scenarios.empty()) throw std::runtime_error("a scenario begins with `== name`: " + line);
    Scenario& scenario = scenarios.back();
    if (line.starts_with(":: ")) {
        scenario.versions = split_words(line.substr(3));
    } else if (line.starts_with("-- ")) {
        targets = expectations_of(scenario, line);
    } else if (!targets.empty()) {
        for (Transcript* target : targets) target->push_back(line);
    } else {
        scenario.steps.push_back(line);
    }
}

void append_transcript(std::string& text, const std::string& heading, const Transcript& lines) {
    text += "-- " + heading + "\n";
    for (const std::string& line : lines) text += line + "\n";
}

}  // namespace

std::vector<Scenario> read_scenarios(const std::filesystem::path& folder) {
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.insert(entry.path());
    std::vector<Scenario> scenarios;
    for (const std::filesystem::path& path : files) {
        std::ifstream file(path);
        std::vector<Transcript*> targets;
        for (std::string line; std::getline(file, line);) read_line(line, scenarios, targets);
    }
    return scenarios;
}

std::string to_text(const Scenario& scenario) {
    std::string text = "== " + scenario.name + "\n";
    if (scenario.versions != kVersions) text += ":: " + scenario.versions.front() + "\n";
    for (const std::string& step : scenario.steps) text += step + "\n";
    for (const auto& [version, expectation] : scenario.expected) {
        append_transcript(text, version, expectation.millrace);
        if (!expectation.because.empty())
            append_transcript(text, version + " mosquitto because " + expectation.because,
                              expectation.mosquitto);
    }
    return text;
}

Transcript play(const Scenario& scenario, const std::string& version, std::uint16_t port) {
    Stage stage(port, version == "5.0" ? kMqtt5 : kMqtt311);
    for (const std::string& step : scenario.steps) stage.play(step);
    stage.clean();
    return stage.transcript();
}

}  // namespace millrace::system_test
