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

namespace lorashear {

// A private mapping: writes to a tensor made from it stay in this process and never reach the file.
class FileMapping {
 public:
  explicit FileMapping(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
    struct stat status {};
    if (::fstat(fd, &status) != 0 || status.st_size <= 0) {
      ::close(fd);
      throw std::runtime_error(path + ": empty or unreadable");
    }
    size_ = static_cast<size_t>(status.st_size);
    data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    const int error = errno;
    ::close(fd);
    if (data_ == MAP_FAILED) throw std::runtime_error(path + ": " + std::strerror(error));
  }
  ~FileMapping() { ::munmap(data_, size_); }
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  char* at(size_t offset) const { return static_cast<char*>(data_) + offset; }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

namespace {

std::shared_ptr<FileMapping> mapping_of(State& state, const Napi::Value& value) {
  const auto found = state.mappings.find(static_cast<uint32_t>(number_of(value, "mapping")));
  if (found == state.mappings.end()) throw BadArgument("the file mapping was closed");
  return found->second;
}

void check_range(const FileMapping& mapping, double offset, double length) {
  if (!(offset >= 0) || !(length >= 0) || offset + length > static_cast<double>(mapping.size())) {
    throw BadArgument("bytes " + std::to_string(static_cast<int64_t>(offset)) + " to " +
                      std::to_string(static_cast<int64_t>(offset + length)) +
                      " lie outside the file of " + std::to_string(mapping.size()));
  }
}

// mapFile(path): { id, size }
Napi::Value map_file(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
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
  guard(info.Env(), [&] {
    state_of(info.Env()).mappings.erase(static_cast<uint32_t>(number_of(info[0], "mapping")));
  });
}

// mapBytes(id, offset, length): a copy of a few bytes (headers).
Napi::Value map_bytes(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto mapping = mapping_of(state_of(info.Env()), info[0]);
    const double offset = number_of(info[1], "offset"), length = number_of(info[2], "length");
    check_range(*mapping, offset, length);
    return Napi::Buffer<char>::Copy(info.Env(), mapping->at(static_cast<size_t>(offset)),
                                    static_cast<size_t>(length));
  });
}

// mapTensor(id, offset, dtype, shape): a tensor over the mapped bytes; copied only if misaligned.
Napi::Value map_tensor(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    const auto mapping = mapping_of(state, info[0]);
    const double offset = number_of(info[1], "offset");
    const auto dtype = static_cast<at::ScalarType>(number_of(info[2], "dtype"));
    const std::vector<int64_t> shape = ints_of(info[3], "shape");
    double length = static_cast<double>(c10::elementSize(dtype));
    for (int64_t extent : shape) length *= static_cast<double>(extent);
    check_range(*mapping, offset, length);
    char* start = mapping->at(static_cast<size_t>(offset));
    at::Tensor tensor;
    if (reinterpret_cast<uintptr_t>(start) % c10::elementSize(dtype) == 0) {
      tensor = at::from_blob(
          start, shape, [mapping](void*) {}, at::TensorOptions().dtype(dtype));
    } else {
      tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
      std::memcpy(tensor.data_ptr(), start, static_cast<size_t>(length));
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
