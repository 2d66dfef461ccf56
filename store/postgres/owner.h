// One Millrace owns a database.
#pragma once

#include <string>

#include "core/guarded.h"
#include "store/postgres/connection.h"

namespace millrace::store::postgres {

class PreparedConnection;

/// The session that holds the database's advisory lock for as long as this process lives; lanes hold one lock
/// each besides. Knows what the database refuses. Shared by the lanes: any thread. Lives as long as the
/// backend.
class Owner {
  public:
    explicit Owner(std::string url) : url_(std::move(url)) {}

    const std::string& url() const { return url_; }
    /// At start-up: connects, takes the lock, checks the server, migrates, reads the epoch.
    bool take(std::string& epoch, std::string& why);
    /// Makes sure that the lock is ours, taking it again when its session was lost. A lane asks before it
    /// writes over a new connection.
    error_code confirm(Complaint& complaint);
    /// What takes the lock of a lane for the session that runs it, ending an older session of that lane which
    /// the server still has, so that nothing it was told can be committed afterwards.
    static std::string lane_sql(unsigned lane);

    /// What the database refuses to `who`; empty: nothing any more.
    void note(const PreparedConnection& who, std::string complaint);
    /// The last of it.
    std::string complaint() { return noted_.lock()->text; }

  private:
    struct Noted {
        const PreparedConnection* who = nullptr;
        std::string text;
    };

    static bool try_lock(Connection& connection, std::string& why);

    const std::string url_;
    Guarded<Connection> connection_;
    Guarded<Noted> noted_;
};

}  // namespace millrace::store::postgres
