// The description of the HTTP door says what the route table says.
#include <algorithm>
#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include "http/routes.h"
#include "tests/http/http_fixture.h"

namespace millrace::testing {
namespace {

class OpenApiTest : public HttpFixture {};

std::vector<std::string> described(const YAML::Node& document) {
    std::vector<std::string> names;
    for (const auto& path : document["paths"]) {
        for (const auto& member : path.second) {
            std::string method = member.first.as<std::string>();
            if (method == "parameters") continue;
            std::ranges::transform(method, method.begin(), [](unsigned char c) { return std::toupper(c); });
            names.push_back(method + " " + path.first.as<std::string>());
        }
    }
    return names;
}

/// Every `$ref` below a node.
void collect_references(const YAML::Node& node, std::vector<std::string>& references) {
    if (node.IsMap()) {
        for (const auto& member : node) {
            if (member.first.as<std::string>() == "$ref")
                references.push_back(member.second.as<std::string>());
            collect_references(member.second, references);
        }
    } else if (node.IsSequence()) {
        for (const auto& element : node) collect_references(element, references);
    }
}

bool resolves(const YAML::Node& document, const std::string& reference) {
    YAML::Node node = YAML::Clone(document);
    std::istringstream steps(reference.substr(2));
    for (std::string step; std::getline(steps, step, '/');) {
        if (!node.IsMap() || !node[step]) return false;
        node.reset(node[step]);
    }
    return true;
}

TEST_F(OpenApiTest, DescribesEveryRouteAndNothingElse) {
    const HttpAnswer answer = get("/openapi.yaml");
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("content-type"), "application/yaml; charset=utf-8");
    EXPECT_THAT(described(YAML::Load(answer.body)),
                ::testing::UnorderedElementsAreArray(http::route_names()));
}

TEST_F(OpenApiTest, EveryReferenceLeadsSomewhere) {
    const YAML::Node document = YAML::Load(get("/openapi.yaml").body);
    std::vector<std::string> references;
    collect_references(document, references);
    EXPECT_GT(references.size(), 20U);
    for (const std::string& reference : references) EXPECT_TRUE(resolves(document, reference)) << reference;
}

}  // namespace
}  // namespace millrace::testing
