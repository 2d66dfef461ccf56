// Reading what a browser sent, for both generations of the protocol. Pure.
#pragma once

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace millrace::bridge {

inline bool is_true(const boost::json::object& object, std::string_view name) {
    const boost::json::value* member = object.if_contains(name);
    return member != nullptr && member->is_bool() && member->get_bool();
}

/// Empty: it is not there, or no string.
inline std::string text_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* member = object.if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->get_string()) : std::string();
}

/// nullptr: it is not there, or no object.
inline const boost::json::object* object_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* member = object.if_contains(name);
    return member == nullptr ? nullptr : member->if_object();
}

/// A text as a JSON object, most of them without an allocation. Lives on the stack of whoever looks at it.
class ParsedText {
  public:
    explicit ParsedText(std::string_view text) : value_(boost::json::parse(text, error_, &resource_)) {}
    ParsedText(const ParsedText&) = delete;
    ParsedText& operator=(const ParsedText&) = delete;

    /// nullptr: it is not JSON, or something else than an object.
    const boost::json::object* object() const { return value_.if_object(); }
    /// What the frame is; empty: nothing that has to be answered.
    std::string action() const { return object() == nullptr ? std::string() : text_of(*object(), "action"); }

  private:
    std::array<unsigned char, 4096> memory_;
    boost::json::monotonic_resource resource_{memory_.data(), memory_.size()};
    boost::system::error_code error_;
    boost::json::value value_;
};

/// The payload of a frame that is a JSON object, as it was written, without the white space around tokens;
/// `null` when it has none.
std::string payload_of(std::string_view text);

}  // namespace millrace::bridge
