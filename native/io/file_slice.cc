// Rows and columns of a matrix in a file, read without mapping it: mapped pages would count as
// memory of the process.
#include "io/file_slice.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "boundary/guard.h"
#include "boundary/marshal.h"
#include "io/extent.h"

namespace lorashear {
namespace {

// Bytes of rows that are read at a time when columns are picked from them: they stay in the cache.
constexpr uint64_t kScratch = uint64_t{256} * 1024;
constexpr size_t kPage = 4096;

// `count` things from `first` on.
struct Run {
  uint64_t first;
  uint64_t count;
};

std::vector<Run> runs_of(const Napi::Value& value, const std::string& name, uint64_t extent) {
  const std::vector<double> numbers = numbers_of(value, name);
  std::vector<Run> runs;
  for (size_t i = 0; i + 1 < numbers.size(); i += 2) {
    const double first = numbers[i], count = numbers[i + 1];
    if (!(first >= 0 && count >= 0 && first + count <= static_cast<double>(extent)))
      throw BadArgument("a run of '" + name + "' lies outside " + std::to_string(extent));
    runs.push_back({static_cast<uint64_t>(first), static_cast<uint64_t>(count)});
  }
  return runs;
}

uint64_t total_of(const std::vector<Run>& runs) {
  uint64_t total = 0;
  for (const Run& run : runs) total += run.count;
  return total;
}

void read_all(int fd, uint64_t position, char* into, uint64_t length) {
  while (length > 0) {
    const ssize_t got = ::pread(fd, into, length, static_cast<off_t>(position));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::runtime_error(std::string("read failed: ") + std::strerror(errno));
    if (got == 0) throw BadArgument("the file was cut short while it was open");
    into += got;
    position += static_cast<uint64_t>(got);
    length -= static_cast<uint64_t>(got);
  }
}

// Picks single elements: half of all columns at random leave runs of one or two, too short to copy.
template <typename T>
void pick(const char* row, const std::vector<uint32_t>& columns, char* into) {
  const T* from = reinterpret_cast<const T*>(row);
  T* to = reinterpret_cast<T*>(into);
  for (size_t i = 0; i < columns.size(); ++i) to[i] = from[columns[i]];
}

class Columns {
 public:
  Columns(std::vector<Run> runs, uint64_t element)
      : runs_(std::move(runs)), element_(element), count_(total_of(runs_)) {
    const bool small = element == 2 || element == 4;
    if (!small || count_ * element >= 64 * runs_.size()) return;
    for (const Run& run : runs_)
      for (uint64_t i = 0; i < run.count; ++i)
        single_.push_back(static_cast<uint32_t>(run.first + i));
  }
  uint64_t bytes() const { return count_ * element_; }
  void take(const char* row, char* into) const {
    if (!single_.empty()) {
      return element_ == 2 ? pick<uint16_t>(row, single_, into)
                           : pick<uint32_t>(row, single_, into);
    }
    for (const Run& run : runs_) {
      std::memcpy(into, row + run.first * element_, run.count * element_);
      into += run.count * element_;
    }
  }

 private:
  std::vector<Run> runs_;
  uint64_t element_;
  uint64_t count_;
  std::vector<uint32_t> single_;
};

// readSlice(fd, position, element, width, rows, columns, bytes): fills `bytes` from its start with
// the given runs [first, count, …] of columns (null: all) of the given runs of rows, each row of
// `width` elements of `element` bytes, the first at `position`; returns how many bytes that were.
Napi::Value read_slice(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const uint64_t number = whole_of(info[0], "fd"), position = whole_of(info[1], "position");
    const uint64_t element = whole_of(info[2], "element"), width = whole_of(info[3], "width");
    if (number > std::numeric_limits<int>::max()) throw BadArgument("there is no such descriptor");
    constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
    if (element == 0 || element > 16 || width > kMost) throw BadArgument("no such rows");
    const int fd = static_cast<int>(number);
    const uint64_t row = width * element;
    const std::vector<Run> rows = runs_of(info[4], "rows", kMost);
    const bool all = info[5].IsNull();
    const Columns columns(all ? std::vector<Run>{{0, width}} : runs_of(info[5], "columns", width),
                          element);
    if (!info[6].IsTypedArray()) throw BadArgument("argument 'bytes' must be a typed array");
    const auto view = info[6].As<Napi::TypedArray>();
    void* data = nullptr;
    napi_get_typedarray_info(info.Env(), view, nullptr, nullptr, &data, nullptr, nullptr);
    char* into = static_cast<char*>(data);
    const uint64_t bytes = total_of(rows) * columns.bytes();
    if (bytes > view.ByteLength()) {
      throw BadArgument("the slice takes " + std::to_string(bytes) + " bytes, there is room for " +
                        std::to_string(view.ByteLength()));
    }
    if (row == 0 || bytes == 0) return Napi::Number::New(info.Env(), 0);
    const uint64_t batch = std::max<uint64_t>(1, kScratch / row);
    std::vector<char> scratch(all ? 0 : batch * row);
    for (const Run& run : rows) {
      if (all) {
        read_all(fd, position + run.first * row, into, run.count * row);
        into += run.count * row;
        continue;
      }
      for (uint64_t done = 0; done < run.count; done += batch) {
        const uint64_t count = std::min(batch, run.count - done);
        read_all(fd, position + (run.first + done) * row, scratch.data(), count * row);
        for (uint64_t i = 0; i < count; ++i, into += columns.bytes())
          columns.take(scratch.data() + i * row, into);
      }
    }
    return Napi::Number::New(info.Env(), static_cast<double>(bytes));
  });
}

// pageBuffer(length): bytes that begin at a page, as files written past the page cache need them.
Napi::Value page_buffer(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    const uint64_t pages = (whole_of(info[0], "length") + kPage - 1) / kPage;
    char* data =
        static_cast<char*>(std::aligned_alloc(kPage, std::max<uint64_t>(1, pages) * kPage));
    if (data == nullptr) throw std::bad_alloc();
    return Napi::Buffer<char>::New(info.Env(), data, pages * kPage,
                                   [](Napi::Env, char* bytes) { std::free(bytes); });
  });
}

}  // namespace

void export_file_slice(Napi::Env env, Napi::Object exports) {
  exports.Set("readSlice", Napi::Function::New(env, read_slice, "readSlice"));
  exports.Set("pageBuffer", Napi::Function::New(env, page_buffer, "pageBuffer"));
}

}  // namespace lorashear
