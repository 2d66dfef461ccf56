// The way into a channel for a browser of the second generation.
#pragma once

#include <cstdint>
#include <optional>

#include "bridge/frames_v2.h"
#include "bridge/joining.h"

namespace millrace::bridge {

/// Acknowledgement, everybody else who is there, the conversation, what was missed. Where the reader is in a
/// stored channel has to be known before the acknowledgement, which says it: so the cursor is asked for and
/// the newest messages are read first.
class SecondJoining final : public Joining {
  public:
    using Joining::Joining;
    void start() override;
    void on_page(Result<store::Page> page) override;
    void on_newest(Result<mqtt::ReadablePage> page) override;
    void on_presence_full(const SharedFrame& frame) override;
    void on_cursor(std::optional<Cursors::Place> cursor) override;

  private:
    enum class Step : std::uint8_t { cursor, newest, presence, catch_up };

    void send(const MessagePtr& message) override;
    void position_found() override {}
    void position_lost(std::uint64_t first) override;
    void caught_up() override;
    void failed(error_code error) override;

    /// `epoch`: of which life of the store the position is.
    void locate(std::optional<v2::Position> position);
    /// Where the channel is: the oldest seq left, and the newest ever.
    void look_at(std::uint64_t first, std::uint64_t last);
    void judge(std::uint64_t first);
    void lose(std::string_view reason, std::uint64_t first);
    void acknowledge();
    void keep_cursor();
    void show_others();
    void converse();

    Step step_ = Step::cursor;
    bool resuming_ = false;              ///< a position was given, or looked for by name
    bool own_ = false;                   ///< the reader itself says, or has said, that it was there
    std::optional<v2::Position> asked_;  ///< the position to resume from; none: nobody knows one
    std::string_view lost_;              ///< why that means nothing; empty: it does
    std::uint64_t from_ = 0;             ///< what follows begins behind this
    std::uint64_t last_ = 0;             ///< the newest seq when the channel was looked at
    bool located_ = false;               ///< from_ and last_ are known
    std::optional<mqtt::ReadablePage> conversation_;
};

}  // namespace millrace::bridge
