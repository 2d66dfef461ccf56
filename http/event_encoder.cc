#include "http/event_encoder.h"

#include <algorithm>

#include "core/message_json.h"
#include "core/net/outbox.h"
#include "store/message_id.h"

namespace millrace::http {

ByteView EventEncoder::encode(const MessagePtr& message, std::string_view epoch, bool named) {
    if (message == message_ && named == named_) return shared_ ? shared_->payload() : event_.view();
    message_ = message;
    named_ = named;
    shared_.reset();
    json_.clear();
    append_json_message(json_, *message, store::message_id(*message, epoch));
    // Line ends end a field. In JSON they are white space between tokens, and a space is as good.
    const auto is_line_end = [](std::byte byte) {
        return byte == std::byte{'\n'} || byte == std::byte{'\r'};
    };
    std::replace_if(json_.data(), json_.data() + json_.size(), is_line_end, std::byte{' '});
    event_.clear();
    if (message->seq() != 0 && !named) {
        event_.append("id: ");
        event_.append(epoch);
        event_.append(":");
        append_decimal(event_, message->seq());
        event_.append("\n");
    }
    event_.append(message->kind() == MessageKind::event ? "event: event\ndata: {"
                                                        : "event: message\ndata: {");
    if (named) {
        event_.append("\"channel\":");
        append_json_string(event_, message->channel());
        event_.append(",");
    }
    event_.append(json_.text().substr(1));
    event_.append("\n\n");
    if (event_.size() < Outbox::kShareAtLeast) return event_.view();
    MessageFields fields;
    fields.payload = event_.view();
    shared_ = Message::create(fields);
    return shared_->payload();
}

}  // namespace millrace::http
