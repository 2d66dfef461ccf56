// expect-line 1: pragma-once
namespace sample {
// expect-next: using-namespace
using namespace std;
}  // namespace sample
