// Which shard has the session of a client id.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/access/principal.h"
#include "core/guarded.h"

namespace millrace::mqtt {

class ClientSession;

/// Client id -> the one ClientSession that is, or is about to become, its owner. Whoever replaces an owner
/// has to send it exactly one take-over letter, and an owner that was replaced lives until that letter comes:
/// so owners form a queue, and there is never more than one at its end. One for all shards; any thread;
/// striped locks that are taken when a client connects and when a session ends.
class SessionDirectory {
  public:
    /// What is known of a client id when `principal` asks for it.
    struct Found {
        ClientSession* session = nullptr;
        bool foreign = false;  ///< it belongs to another user, and nothing was changed
    };
    /// The owner if it is on this shard. Only this shard may look inside what is returned.
    Found find_on(unsigned shard, std::string_view client_id, const access::Principal& principal);
    /// Makes `session`, which is on `shard`, the owner, unless it is foreign. Returns the previous one.
    Found replace(std::string_view client_id, unsigned shard, ClientSession& session,
                  const access::Principal& principal);
    /// False: `session` is not the owner any more, and will get a take-over letter.
    bool remove(std::string_view client_id, const ClientSession& session);
    std::size_t size();

  private:
    /// Small, since there is one for every session.
    struct Owner {
        ClientSession* session = nullptr;
        unsigned shard = 0;
        access::Principal::Kind kind = access::Principal::Kind::anonymous;
        std::unique_ptr<const std::string> user;  ///< who opened the session; nullptr: nobody with a name
        bool is_of(const access::Principal& principal) const;
    };
    using Owners = std::unordered_map<std::string, Owner>;
    static constexpr std::size_t kStripes = 64;

    Guarded<Owners>& stripe(std::string_view client_id) {
        return stripes_[std::hash<std::string_view>{}(client_id) % kStripes];
    }

    std::array<Guarded<Owners>, kStripes> stripes_;
};

}  // namespace millrace::mqtt
