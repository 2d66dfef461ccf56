// One Millrace owns a database.
#pragma once

#include <string>

#include "core/guarded.h"
#include "store/postgres/connection.h"

namespace millrace::store::postgres {

/// The session that holds the database's advisory lock for as long as this process lives; lanes hold one lock
/// each besides. Shared by the lanes: any thread. Lives as long as the backend.
class Owner {
  public:
    explicit Owner(std::string url) : url_(std::move(url)) {}

    const std::string& url() const { return url_; }
    /// At start-up: connects, takes the lock, checks the server, migrates, reads the epoch.
    bool take(std::string& epoch, std::string& why);
    /// Makes sure that the lock is ours, taking it again when its session was lost. A lane asks before it
    /// writes over a new connection.
    error_code confirm();
    /// Takes the lock of a lane for `connection`, ending an older session of that lane which the server still
    /// has, so that nothing it was told can be committed afterwards.
    static error_code take_lane(Connection& connection, unsigned lane);

  private:
    static bool try_lock(Connection& connection, std::string& why);

    const std::string url_;
    Guarded<Connection> connection_;
};

}  // namespace millrace::store::postgres
