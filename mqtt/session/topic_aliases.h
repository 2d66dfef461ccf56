// Topic names that the client knows by number (MQTT 5.0, 3.3.2.3.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace millrace::mqtt {

/// How a PUBLISH names its topic.
struct TopicForm {
    std::uint16_t alias = 0;  ///< 0: by its name alone
    bool known = false;  ///< by the alias alone; else the name is there too, and gives the alias its meaning
};

/// The aliases of one connection towards its client. The first topics get them and keep them
/// (docs/decisions/0018). Belongs to a Machine, which makes it for clients that take aliases.
class TopicAliases {
  public:
    /// At most `maximum` are given.
    TopicForm form_of(std::string_view topic, std::uint16_t maximum) const {
        if (topic.size() <= kNotWorthIt) return {};
        if (const auto found = known_.find(topic); found != known_.end()) return {found->second, true};
        if (known_.size() >= maximum) return {};
        return {static_cast<std::uint16_t>(known_.size() + 1), false};
    }
    /// The PUBLISH that defines the alias is on its way.
    void define(std::string_view topic, std::uint16_t alias) { known_.emplace(topic, alias); }

  private:
    static constexpr std::size_t kNotWorthIt = 3;  ///< bytes that the alias itself takes
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    std::unordered_map<std::string, std::uint16_t, Hash, std::equal_to<>> known_;
};

}  // namespace millrace::mqtt
