// The browsers of one shard that are in one channel: where a message fans out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/dialect.h"
#include "core/net/connection.h"
#include "mqtt/broker/subscriber.h"

namespace millrace::bridge {

class Bridge;
class Session;

/// What a member hears of who comes and goes.
enum class Watch : std::uint8_t {
    nothing,
    changes,    ///< has the roster and gets each change
    stale,      ///< read too slowly: a change was dropped
    repairing,  ///< has asked for the roster again
};

/// A subscription shared by the sockets of one generation that joined the same channel, or the same filter,
/// on one shard. Frames are made once and copied to each outbox. Belongs to the shard's Bridge; lives while
/// it has members.
class Room final : public mqtt::Subscriber {
  public:
    struct Member {
        Session* session = nullptr;
        Connection* connection = nullptr;
        std::uint64_t through = 0;  ///< the seq up to which it has everything already
        bool catching_up = false;   ///< history first: what is delivered now goes to Session::hold
        Watch watch = Watch::nothing;
    };

    Room(Bridge& bridge, std::string name, bool wildcard, Generation generation);
    ~Room();

    const std::string& name() const { return name_; }
    bool wildcard() const { return wildcard_; }
    Generation generation() const { return generation_; }
    bool empty() const { return members_.empty(); }
    std::span<const Member> members() const { return members_; }

    /// The index of the new member; Session::moved tells when it changes.
    std::uint32_t add(Session& session, Connection& connection);
    void remove(std::uint32_t index);
    Member& member(std::uint32_t index) { return members_[index]; }

    void deliver(const MessagePtr& message, const mqtt::Match& match) override;
    std::size_t clients() const override { return members_.size(); }
    void presence_update(const SharedFrame& frame);

  private:
    bool wants(const Member& member, const Message& message) const;

    Bridge& bridge_;
    const std::string name_;
    const bool wildcard_;
    const Generation generation_;
    std::vector<Member> members_;
};

}  // namespace millrace::bridge
