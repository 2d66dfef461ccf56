// JSON as text: members picked out of a document that is known to be valid, without building a tree: a value
// keeps the very digits its sender wrote, where a tree would make 3.14 into 3.14E0.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// `json` without surrounding white space.
std::string_view trim_json(std::string_view json);

/// Steps through the members of a valid JSON object or the elements of a valid JSON array.
class JsonItems {
  public:
    explicit JsonItems(std::string_view json);
    JsonItems(const JsonItems&) = delete;
    JsonItems& operator=(const JsonItems&) = delete;
    /// False: that was the last one.
    bool next();
    /// What the member is called, however it is written: RFC 8259 8.3 compares names without their escapes.
    /// Empty in an array. Until the next step.
    std::string_view name() const { return name_; }
    /// The value's text, from its first to its last character.
    std::string_view value() const { return value_; }

  private:
    std::string_view take_value();
    void take_name();
    void skip_space();

    std::string_view rest_;
    std::string_view name_;
    std::string_view value_;
    std::string unescaped_;
    bool object_;
};

/// What a valid string token says; nothing when `token` is not a string. Views `token`, or `unescaped` where
/// it had escapes.
std::optional<std::string_view> string_of(std::string_view token, std::string& unescaped);

}  // namespace millrace
