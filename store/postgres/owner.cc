#include "store/postgres/owner.h"

#include <spdlog/spdlog.h>
#include <thread>

#include "core/clock.h"
#include "store/postgres/migrations.h"

namespace millrace::store::postgres {
namespace {

/// First key of all our advisory locks; the second is 0 for the owner and 1 + n for lane n.
const std::string kLockClass = "1298951276";
constexpr Milliseconds kLeaveTime{2000};

/// The sessions that hold one of our locks, our own session left out.
std::string holders(const std::string& columns) {
    return "select " + columns +
           " from pg_catalog.pg_locks join pg_catalog.pg_stat_activity using (pid) where locktype = "
           "'advisory'"
           " and classid = " +
           kLockClass +
           "::oid and objsubid = 2 and granted and pid <> pg_catalog.pg_backend_pid()"
           " and database = (select oid from pg_catalog.pg_database where datname = "
           "pg_catalog.current_database())";
}

bool is_suitable(Connection& connection, std::string& why) {
    if (connection.server_version() < 150000) {
        why = "PostgreSQL 15 or later is needed, this is " +
              std::to_string(connection.server_version() / 10000);
        return false;
    }
    const Result<Answer> encoding =
        connection.run("select current_setting('server_encoding'), current_setting('fsync')");
    if (!encoding) {
        why = connection.message();
        return false;
    }
    if (encoding->text(0, 0) != "UTF8") {
        why = "the database's encoding has to be UTF8, not " + encoding->text(0, 0);
        return false;
    }
    if (encoding->text(0, 1) == "off")
        spdlog::warn("PostgreSQL runs with fsync=off: a power cut can lose the store");
    return true;
}

}  // namespace

bool Owner::try_lock(Connection& connection, std::string& why) {
    // A session of a process that has just died stays for a moment.
    const TimePoint deadline = steady_now() + kLeaveTime;
    while (true) {
        const Result<Answer> mine =
            connection.run("select pg_catalog.pg_try_advisory_lock(" + kLockClass + ", 0)");
        const Result<Answer> others = connection.run(
            holders("pid, coalesce(client_addr::text, 'the local host')") + " order by objid limit 1");
        if (!mine || !others) {
            why = connection.message();
            return false;
        }
        if (mine->text(0, 0) == "t" && others->rows() == 0) return true;
        if (steady_now() > deadline) {
            why = "another Millrace is using this database";
            if (others->rows() != 0) {
                why += " (from " + others->text(0, 1) + ", server process " + others->text(0, 0) + ")";
            }
            return false;
        }
        if (mine->text(0, 0) == "t") {
            static_cast<void>(connection.run("select pg_catalog.pg_advisory_unlock(" + kLockClass + ", 0)"));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

bool Owner::take(std::string& epoch, std::string& why) {
    auto connection = connection_.lock();
    if (connection->open(url_)) {
        why = connection->message();
        return false;
    }
    if (!is_suitable(*connection, why) || !try_lock(*connection, why) || !migrate(*connection, why))
        return false;
    const Result<Answer> stored = connection->run("select value from millrace.meta where key = 'epoch'");
    if (!stored || stored->rows() == 0) {
        why = "it has no epoch " + connection->message();
        return false;
    }
    epoch = stored->text(0, 0);
    return true;
}

error_code Owner::confirm(Complaint& complaint) {
    auto connection = connection_.lock();
    if (connection->is_open() && connection->run("select 1")) return {};
    error_code error = connection->open(url_);
    if (!error) {
        const Result<Answer> locked =
            connection->run("select pg_catalog.pg_try_advisory_lock(" + kLockClass + ", 0)");
        if (locked && locked->text(0, 0) == "t") return {};
        if (locked) {
            connection->close();
            complaint = {Failure::fault, "another Millrace has taken the database over"};
            return Errc::store_unavailable;
        }
        error = locked.error();
    }
    complaint = connection->complaint();
    return error;
}

std::string Owner::lane_sql(unsigned lane) {
    const std::string key = std::to_string(lane + 1);
    return holders("pg_catalog.pg_terminate_backend(pid)") + " and objid = " + key +
           "; set lock_timeout = '5s'; select pg_catalog.pg_advisory_lock(" + kLockClass + ", " + key + "); ";
}

void Owner::note(const PreparedConnection& who, std::string complaint) {
    auto noted = noted_.lock();
    if (!complaint.empty()) {
        *noted = {&who, std::move(complaint)};
    } else if (noted->who == &who) {
        *noted = {};
    }
}

}  // namespace millrace::store::postgres
