// The suite that every Log implementation passes.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "store/log.h"
#include "tests/store/messages.h"

namespace millrace::store::test {

/// A place for a store, empty at first; what is written stays between openings.
class Place {
  public:
    virtual ~Place() = default;
    virtual Result<std::unique_ptr<Backend>> open(std::string& why) = 0;
    /// Runs one SQL command beside the store, with double quotes left out; the output, `|` between columns.
    virtual std::string sql(const std::string& command) = 0;
};

using MakePlace = std::unique_ptr<Place> (*)();

class LogSuite : public testing::TestWithParam<MakePlace> {
  protected:
    void SetUp() override { reopen(); }
    void reopen();
    std::vector<Receipt> append(const std::vector<MessagePtr>& batch);
    Page read(const Range& range);

    std::unique_ptr<Place> place_ = GetParam()();
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Log> log_;
    std::unique_ptr<Reader> reader_;
};

/// With ten messages in channel `a`.
class LogRange : public LogSuite {
  protected:
    void SetUp() override;
};

}  // namespace millrace::store::test
