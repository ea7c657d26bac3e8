// Files mapped into memory: tensors read weights from the page cache without a copy.
#include "io/file_map.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "boundary/guard.h"
#include "boundary/marshal.h"
#include "io/extent.h"

namespace lorashear {

// A private mapping: writes to a tensor made from it stay in this process and never reach the file.
//
// Pages come from the file when they are touched. A file that somebody cuts short after that check
// has no page to give, and the kernel answers the touch with SIGBUS; no process can prevent this
// for a file that others may write. What can be done is done: the descriptor stays open, the length
// is asked again before every tensor is handed out, and all that this toolkit writes replaces a
// file by rename, which leaves a mapping whole.
class FileMapping {
 public:
  explicit FileMapping(const std::string& path) {
    if (path.find('\0') != std::string::npos) throw std::runtime_error("a path holds no zero byte");
    // Without O_NONBLOCK the opening of a pipe would wait for its writer.
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd_ < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
    struct stat status {};
    if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
      ::close(fd_);
      throw std::runtime_error(path + ": empty, or no file");
    }
    size_ = static_cast<size_t>(status.st_size);
    // MAP_NORESERVE: writable pages would be counted against memory and swap, and a checkpoint
    // larger than both refused, though only pages that are written to ever take memory of their
    // own.
    data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd_, 0);
    if (data_ != MAP_FAILED) return;
    const int error = errno;
    ::close(fd_);
    TORCH_CHECK_WITH(OutOfMemoryError, error != ENOMEM, path, ": no address space for ", size_,
                     " bytes, or the system allows no overcommit");
    throw std::runtime_error(path + ": " + std::strerror(error));
  }
  ~FileMapping() {
    ::munmap(data_, size_);
    ::close(fd_);
  }
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  // Start of `length` bytes that lie in the file, as long as it was and as long as it is now.
  char* range(uint64_t offset, uint64_t length) const {
    if (offset > size_ || length > size_ - offset) {
      throw BadArgument(std::to_string(length) + " bytes from " + std::to_string(offset) +
                        " lie outside the file of " + std::to_string(size_));
    }
    struct stat status {};
    if (::fstat(fd_, &status) != 0 || static_cast<uint64_t>(status.st_size) < offset + length) {
      throw BadArgument("the file was cut short to " + std::to_string(status.st_size) +
                        " bytes while it was open");
    }
    return static_cast<char*>(data_) + offset;
  }
  size_t size() const { return size_; }

 private:
  int fd_ = -1;
  void* data_ = nullptr;
  size_t size_ = 0;
};

namespace {

std::shared_ptr<FileMapping> mapping_of(State& state, const Napi::Value& value) {
  const uint64_t id = whole_of(value, "mapping");
  const auto found = id < state.next_mapping ? state.mappings.find(static_cast<uint32_t>(id))
                                             : state.mappings.end();
  if (found == state.mappings.end()) throw BadArgument("the file mapping was closed");
  return found->second;
}

// mapFile(path): { id, size }
Napi::Value map_file(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    if (!info[0].IsString()) throw BadArgument("argument 'path' must be a string");
    auto mapping = std::make_shared<FileMapping>(info[0].As<Napi::String>().Utf8Value());
    const uint32_t id = state.next_mapping++;
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("id", id);
    result.Set("size", static_cast<double>(mapping->size()));
    state.mappings.emplace(id, std::move(mapping));
    return result;
  });
}

// unmapFile(id): tensors made from the mapping keep it until they are gone.
void unmap_file(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] { state_of(info.Env()).mappings.erase(whole_of(info[0], "mapping")); });
}

// mapBytes(id, offset, length): a copy of a few bytes (headers).
Napi::Value map_bytes(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto mapping = mapping_of(state_of(info.Env()), info[0]);
    const uint64_t offset = whole_of(info[1], "offset"), length = whole_of(info[2], "length");
    return Napi::Buffer<char>::Copy(info.Env(), mapping->range(offset, length), length);
  });
}

// mapTensor(id, offset, dtype, shape): a tensor over the mapped bytes; copied only if misaligned.
Napi::Value map_tensor(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    const auto mapping = mapping_of(state, info[0]);
    const uint64_t offset = whole_of(info[1], "offset");
    const at::ScalarType dtype = element_type_of(info[2]);
    const std::vector<int64_t> shape = ints_of(info[3], "shape");
    const uint64_t length = bytes_of(shape, dtype);
    char* start = mapping->range(offset, length);
    at::Tensor tensor;
    if (reinterpret_cast<uintptr_t>(start) % c10::elementSize(dtype) == 0) {
      tensor = at::from_blob(
          start, shape, [mapping](void*) {}, at::TensorOptions().dtype(dtype));
    } else {
      tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
      if (length > 0) std::memcpy(tensor.data_ptr(), start, length);
    }
    return Napi::Number::New(info.Env(), state.tensors.put(std::move(tensor)));
  });
}

}  // namespace

void export_file_map(Napi::Env env, Napi::Object exports) {
  exports.Set("mapFile", Napi::Function::New(env, map_file, "mapFile"));
  exports.Set("unmapFile", Napi::Function::New(env, unmap_file, "unmapFile"));
  exports.Set("mapBytes", Napi::Function::New(env, map_bytes, "mapBytes"));
  exports.Set("mapTensor", Napi::Function::New(env, map_tensor, "mapTensor"));
}

}  // namespace lorashear
