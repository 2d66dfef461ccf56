#include "config/documents.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "config/keys.h"
#include "config/load.h"

namespace millrace::config {
namespace {

constexpr const char* kDocs = MILLRACE_SOURCE_DIR "/docs/config.md";

std::string read(const char* path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TEST(DefaultsYaml, LoadsToTheDefaultConfig) {
    const LoadResult result = load_text(defaults_yaml());
    for (const Problem& problem : result.problems) ADD_FAILURE() << format("defaults", problem);
    EXPECT_TRUE(result.config == Config{});
}

TEST(DefaultsYaml, NamesEveryKey) {
    const std::string text = defaults_yaml();
    for (const Key& key : keys()) {
        const std::string name = std::string(name_of(key)) + ":";
        EXPECT_TRUE(text.find(" " + name) != text.npos || text.find("\n" + name) != text.npos) << key.path;
    }
}

TEST(DefaultsYaml, LinesAreAtMost100Columns) {
    std::istringstream lines(defaults_yaml());
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 102U) << line;
}

TEST(KeyTable, EveryPathIsUniqueAndBelowASection) {
    for (const Key& key : keys()) {
        EXPECT_EQ(find_key(key.path), &key) << key.path;
        std::string_view parent = parent_of(key.path);
        if (parent.empty()) continue;
        parent.remove_suffix(1);
        ASSERT_NE(find_key(parent), nullptr) << key.path;
        EXPECT_TRUE(find_key(parent)->is_section()) << key.path;
    }
}

TEST(KeyTable, EveryExampleIsAValueOfItsKey) {
    for (const Key& key : keys()) {
        EXPECT_EQ(key.absent.empty(), key.example.empty()) << key.path;
        if (key.example.empty()) continue;
        Config config;
        EXPECT_EQ(assign(key.slot(config), key.constraint, std::string(key.example)), "") << key.path;
    }
}

TEST(KeyTable, EveryDefaultNumberIsWithinItsRange) {
    for (const Key& key : keys()) {
        if (key.is_section() || key.constraint.max == 0) continue;
        Config config;
        const std::string text = print(key.slot(config), key.constraint);
        EXPECT_EQ(assign(key.slot(config), key.constraint, text), "") << key.path;
        EXPECT_TRUE(config == Config{}) << key.path;
    }
}

// MILLRACE_UPDATE_DOCS=1 writes the file instead.
TEST(DocsMarkdown, IsWhatTheTableSays) {
    if (std::getenv("MILLRACE_UPDATE_DOCS") != nullptr) std::ofstream(kDocs) << docs_markdown();
    EXPECT_EQ(read(kDocs), docs_markdown()) << "run again with MILLRACE_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace millrace::config
