#include "bench/micro/instructions.h"

#include <boost/version.hpp>
#include <gnu/libc-version.h>
#include <iostream>

// valgrind's macros are C.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <valgrind/callgrind.h>

namespace millrace::bench {
namespace {

void measure(Work& work, std::size_t times, const std::string& description) {
    CALLGRIND_START_INSTRUMENTATION;
    work.run(times);
    CALLGRIND_DUMP_STATS_AT(description.c_str());
    CALLGRIND_STOP_INSTRUMENTATION;
}

bool under_valgrind() {
    return RUNNING_ON_VALGRIND != 0;
}

}  // namespace
#pragma GCC diagnostic pop

std::string toolchain() {
#ifdef __clang__
    const std::string compiler = "clang ";
#else
    const std::string compiler = "g++ ";
#endif
    return compiler + __VERSION__ + ", glibc " + gnu_get_libc_version() + ", Boost " + BOOST_LIB_VERSION;
}

bool count_instructions(const Cases& cases, const std::string& filter) {
    if (!under_valgrind()) {
        std::cerr << "this is counted by callgrind: use bench/micro/instructions\n";
        return false;
    }
    bool any = false;
    for (const Case& wanted : cases) {
        if (wanted.name.find(filter) == std::string::npos) continue;
        any = true;
        const std::unique_ptr<Work> work = wanted.prepare();
        work->run(wanted.times);
        measure(*work, wanted.times, std::to_string(wanted.times) + " " + wanted.name);
    }
    if (!any) std::cerr << "no case has '" << filter << "' in its name\n";
    return any;
}

}  // namespace millrace::bench
