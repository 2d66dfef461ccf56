// What is measured: small pieces of work, each set up once and done many times.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::bench {

/// Something that is set up. Used by one thread.
class Work {
  public:
    Work() = default;
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    virtual ~Work() = default;
    /// Does it so many times; at least that, where it is done in batches.
    virtual void run(std::size_t times) = 0;
};

/// A function object, called once for each `batch` times.
template <class Step>
class Repeated final : public Work {
  public:
    Repeated(Step step, std::size_t batch) : step_(std::move(step)), batch_(batch) {}
    void run(std::size_t times) override {
        for (std::size_t done = 0; done < times; done += batch_) step_();
    }

  private:
    Step step_;
    std::size_t batch_;
};

template <class Step>
std::unique_ptr<Work> repeat(Step step, std::size_t batch = 1) {
    return std::make_unique<Repeated<Step>>(std::move(step), batch);
}

/// One row of the tables.
struct Case {
    std::string name;   ///< part/what_is_done
    std::size_t times;  ///< per measured run: a multiple of the batch
    std::function<std::unique_ptr<Work>()> prepare;
};
using Cases = std::vector<Case>;

void add_codec_cases(Cases& cases);
void add_core_cases(Cases& cases);
void add_door_cases(Cases& cases);
void add_frame_cases(Cases& cases);
void add_json_cases(Cases& cases);
void add_machine_cases(Cases& cases);
void add_store_cases(Cases& cases);
void add_topic_cases(Cases& cases);

}  // namespace millrace::bench
