#include "core/access/acl_file.h"

#include <algorithm>

#include "config/values.h"
#include "core/access/filters.h"
#include "core/topic_match.h"

namespace millrace::access {
namespace {

constexpr std::uint8_t kRead = static_cast<std::uint8_t>(Permission::read);
constexpr std::uint8_t kWrite = static_cast<std::uint8_t>(Permission::write);

/// The word up to the next blank, taken off the front together with the blanks behind it.
std::string_view take_word(std::string_view& text) {
    const std::size_t end = text.find_first_of(" \t");
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    text = trimmed(text);
    return word;
}

bool read_permissions(std::string_view word, std::uint8_t& permissions) {
    if (word == "read") {
        permissions = kRead;
    } else if (word == "write") {
        permissions = kWrite;
    } else if (word == "readwrite") {
        permissions = kRead | kWrite;
    } else if (word == "deny") {
        permissions = 0;
    } else {
        return false;
    }
    return true;
}

bool has_substitution(std::string_view pattern) {
    return pattern.find("%c") != std::string_view::npos || pattern.find("%u") != std::string_view::npos;
}

/// Whether a name put into a filter stands for itself alone.
bool is_harmless(std::string_view name) {
    return name.find_first_of(std::string_view("+#/\0", 4)) == std::string_view::npos;
}

/// Whether the pattern asks for a name that the principal does not have.
bool lacks_name(std::string_view pattern, const Principal& principal) {
    return (pattern.find("%u") != std::string_view::npos && principal.name.empty()) ||
           (pattern.find("%c") != std::string_view::npos && principal.client_id.empty());
}

}  // namespace

/// Reads the lines of one file. On the stack.
class AclParser {
  public:
    Parsed<AclFile> parse(std::string_view text) {
        bool any = false;
        for (std::size_t number = 1; !text.empty(); ++number) {
            std::string_view line = trimmed(take_line(text));
            if (line.empty() || line.starts_with('#')) continue;
            std::string problem = take(line);
            if (!problem.empty()) return FileProblem{number, std::move(problem)};
            any = true;
        }
        if (!any) return FileProblem{0, "there is no rule in it"};
        order(file_.nameless_);
        order(file_.patterns_);
        for (auto& [name, entries] : file_.users_) order(entries);
        return std::move(file_);
    }

  private:
    using Entry = AclFile::Entry;
    using Entries = AclFile::Entries;

    /// Returns what is wrong with the line, or an empty string.
    std::string take(std::string_view line) {
        if (!is_plain_text(line)) return "not UTF-8, or with control characters";
        const std::string_view word = take_word(line);
        if (word == "user") {
            if (line.empty()) return "'user' needs a name";
            current_ = &file_.users_[std::string(line)];
            return {};
        }
        if (word == "topic") return add(*current_, line);
        if (word == "pattern") return add(file_.patterns_, line);
        return "expected 'user', 'topic' or 'pattern', found '" + std::string(word) + "'";
    }

    static std::string add(Entries& entries, std::string_view rest) {
        if (rest.empty()) return "the filter is missing";
        AclFile::Entry entry;
        entry.permissions = kRead | kWrite;
        std::string_view filter = rest;
        const std::string_view first = take_word(rest);
        if (!rest.empty()) {
            if (!read_permissions(first, entry.permissions))
                return "expected 'read', 'write', 'readwrite' or 'deny', found '" + std::string(first) + "'";
            filter = rest;
        }
        entry.filter = filter;
        std::string problem = config::check_filter(entry.filter);
        if (problem.empty()) entries.push_back(std::move(entry));
        return problem;
    }

    static void order(Entries& entries) {
        std::stable_partition(entries.begin(), entries.end(),
                              [](const Entry& entry) { return entry.permissions == 0; });
    }

    AclFile file_;
    Entries* current_ = &file_.nameless_;
};

Parsed<AclFile> AclFile::parse(std::string_view text) {
    return AclParser().parse(text);
}

std::string fill_pattern(std::string_view pattern, const Principal& principal) {
    std::string filter;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const std::string_view here = pattern.substr(i, 2);
        if (here != "%c" && here != "%u") {
            filter.push_back(pattern[i]);
            continue;
        }
        const std::string& name = here == "%c" ? principal.client_id : principal.name;
        if (name.empty() || !is_harmless(name)) return {};
        filter += name;
        ++i;
    }
    // Names must not lead to the server's own topics either, nor to a shared subscription.
    return filter.starts_with('$') && !pattern.starts_with('$') ? std::string() : filter;
}

/// `fits(filter)`: whether the line is about what is asked.
template <class Fits>
bool AclFile::judge(const Principal& principal, Permission permission, Fits fits) const {
    const auto wanted = static_cast<std::uint8_t>(permission);
    const auto own = principal.name.empty() ? users_.end() : users_.find(principal.name);
    static const Entries kNone;
    const Entries& named = own == users_.end() ? kNone : own->second;
    for (const Entry& entry : principal.name.empty() ? nameless_ : named) {
        if (!fits(entry.filter)) continue;
        if (entry.permissions == 0) return false;
        if ((entry.permissions & wanted) != 0) return true;
    }
    for (const Entry& entry : patterns_) {
        const bool plain = !has_substitution(entry.filter);
        const std::string filled = plain ? std::string() : fill_pattern(entry.filter, principal);
        if (!plain && filled.empty()) {
            // A name that cannot be put in must not get round a denial.
            if (entry.permissions == 0 && !lacks_name(entry.filter, principal)) return false;
            continue;
        }
        if (!fits(plain ? entry.filter : filled)) continue;
        if (entry.permissions == 0) return false;
        if ((entry.permissions & wanted) != 0) return true;
    }
    return false;
}

bool AclFile::may(const Principal& principal, Permission permission, std::string_view topic) const {
    return judge(principal, permission,
                 [topic](const std::string& filter) { return topic_matches(filter, topic); });
}

bool AclFile::may_subscribe(const Principal& principal, std::string_view filter) const {
    return judge(principal, Permission::read,
                 [filter](const std::string& known) { return filter_covers(known, filter); });
}

bool allowed_by(const std::vector<Grant>& grants, Permission permission, std::string_view topic) {
    return std::ranges::any_of(grants, [&](const Grant& grant) {
        return (permission == Permission::read ? grant.subscribe : grant.publish) &&
               topic_matches(grant.filter, topic);
    });
}

bool subscribable_by(const std::vector<Grant>& grants, std::string_view filter) {
    return std::ranges::any_of(
        grants, [&](const Grant& grant) { return grant.subscribe && filter_covers(grant.filter, filter); });
}

}  // namespace millrace::access
