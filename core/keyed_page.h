// A page of a list that many hold parts of.
#pragma once

#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

/// The `limit` first items, by key, behind `after`; what is offered beyond them is let go. A value.
template <class Item>
class KeyedPage {
  public:
    KeyedPage(std::string after, std::size_t limit) : after_(std::move(after)), limit_(limit) {}

    /// Whether an item of this key would be on the page, as far as it is known: to be asked before an item is
    /// made.
    bool wants(std::string_view key) const {
        if (key <= after_) return false;
        return items_.size() <= limit_ || key < items_.rbegin()->first;
    }
    void add(std::string_view key, Item item) {
        if (!wants(key)) return;
        items_.insert_or_assign(std::string(key), std::move(item));
        // One more than the page has tells that there is more.
        if (items_.size() > limit_ + 1) items_.erase(std::prev(items_.end()));
    }
    void merge(KeyedPage other) {
        for (auto& [key, item] : other.items_) add(key, std::move(item));
    }
    /// Takes off what is beyond the limit: whether there was something.
    bool cut() {
        if (items_.size() <= limit_) return false;
        items_.erase(std::prev(items_.end()));
        return true;
    }

    const std::string& after() const { return after_; }
    std::size_t limit() const { return limit_; }
    std::map<std::string, Item, std::less<>>& items() { return items_; }

  private:
    std::string after_;
    std::size_t limit_;
    std::map<std::string, Item, std::less<>> items_;
};

}  // namespace millrace
