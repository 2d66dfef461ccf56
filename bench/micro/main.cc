// The micro benchmarks: Google Benchmark's program, which also knows
//   --instructions [TEXT]   under callgrind: count the cases whose name contains TEXT
//   --toolchain             what the counts depend on
#include <benchmark/benchmark.h>
#include <iostream>
#include <string>
#include <string_view>

#include "bench/micro/case.h"
#include "bench/micro/instructions.h"

namespace millrace::bench {
namespace {

Cases all_cases() {
    Cases cases;
    add_codec_cases(cases);
    add_topic_cases(cases);
    add_machine_cases(cases);
    add_core_cases(cases);
    add_frame_cases(cases);
    add_json_cases(cases);
    add_store_cases(cases);
    add_door_cases(cases);
    return cases;
}

void measure_time(benchmark::State& state, const Case& measured) {
    const std::unique_ptr<Work> work = measured.prepare();
    const auto times = static_cast<benchmark::IterationCount>(measured.times);
    while (state.KeepRunningBatch(times)) work->run(measured.times);
    state.SetItemsProcessed(state.iterations());
}

int run_timed(int argc, char** argv) {
    const Cases cases = all_cases();
    for (const Case& each : cases) {
        benchmark::RegisterBenchmark(each.name.c_str(),
                                     [&each](benchmark::State& state) { measure_time(state, each); });
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    if (mode == "--toolchain") {
        std::cout << millrace::bench::toolchain() << "\n";
        return 0;
    }
    if (mode == "--instructions") {
        const std::string filter = argc > 2 ? argv[2] : "";
        return millrace::bench::count_instructions(millrace::bench::all_cases(), filter) ? 0 : 1;
    }
    return millrace::bench::run_timed(argc, argv);
}
