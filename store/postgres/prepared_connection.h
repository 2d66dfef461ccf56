// Connections that are made when needed, with what is prepared on them.
#pragma once

#include <span>
#include <string>

#include "store/postgres/connection.h"

namespace millrace::store::postgres {

class Owner;

/// A statement and the name that it is executed by.
struct Statement {
    const char* name;
    std::string sql;
};

/// A Connection that is for one purpose: it knows what each new session of it is told first. Logs what goes
/// wrong, once until that goes well again, and lets the Owner know what an operator has to see. Used by one
/// thread at a time; lives with whoever works over it.
class PreparedConnection {
  public:
    /// Who writes makes sure first that the database's lock is still ours.
    enum class Use : std::uint8_t { read, write };
    /// `settings` are statements for each new session; `statements` outlive this.
    PreparedConnection(Owner& owner, Use use, std::string settings, std::span<const Statement> statements);

    /// Makes a session when there is none.
    error_code open();
    error_code reopen();
    bool is_open() const { return connection_.is_open(); }
    /// Whether the last failure was the loss of the session.
    bool was_lost() const { return connection_.complaint().failure == Failure::lost; }

    /// Over the session that there is.
    Result<Answer> run(const char* sql);
    Result<Answer> execute(const char* name, const Parameters& parameters);
    /// Makes a session when there is none, and another when that turns out to have been lost while there was
    /// nothing to do: for what may be done twice.
    Result<Answer> ask(const char* name, const Parameters& parameters);

  private:
    error_code prepare();
    Result<Answer> noted(Result<Answer> answer, std::string_view what);
    void complain(const Complaint& complaint, std::string_view what);
    void went_well(std::string_view what);

    Owner& owner_;
    const Use use_;
    const std::string settings_;
    const std::span<const Statement> statements_;
    Connection connection_;
    std::string failing_;   ///< what fails; empty: nothing
    std::string reported_;  ///< the last line that was logged of it
};

}  // namespace millrace::store::postgres
