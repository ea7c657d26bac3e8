#include "boundary/types.h"

#include <ATen/core/Tensor.h>

namespace lorashear {
namespace {

bool crosses_one(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType:
    case c10::TypeKind::NumberType:
    case c10::TypeKind::StringType:
    case c10::TypeKind::ScalarTypeType:
    case c10::TypeKind::LayoutType:
    case c10::TypeKind::MemoryFormatType:
    case c10::TypeKind::QSchemeType:
    case c10::TypeKind::DeviceObjType:
    case c10::TypeKind::GeneratorType:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool crosses(const c10::Type& type) {
  if (const auto* optional = type.castRaw<c10::OptionalType>()) {
    return crosses(*optional->getElementType());
  }
  const auto* list = type.castRaw<c10::ListType>();
  if (list == nullptr) return crosses_one(type);
  const c10::Type& element = *list->getElementType();
  if (const auto* optional = element.castRaw<c10::OptionalType>()) {
    const auto kind = optional->getElementType()->kind();
    return kind == c10::TypeKind::TensorType || kind == c10::TypeKind::NumberType;
  }
  return crosses_one(element) && element.kind() != c10::TypeKind::GeneratorType;
}

const std::unordered_map<std::string, int64_t>& names_of(c10::TypeKind kind) {
  static const std::unordered_map<std::string, int64_t> dtypes = [] {
    std::unordered_map<std::string, int64_t> names;
    for (int64_t i = 0; i < static_cast<int64_t>(at::ScalarType::NumOptions); ++i) {
      try {
        const auto [name, alias] = c10::getDtypeNames(static_cast<at::ScalarType>(i));
        if (!name.empty()) names.emplace(name, i);
        if (!alias.empty()) names.emplace(alias, i);
      } catch (const std::exception&) {
        continue;  // "undefined" has no name
      }
    }
    return names;
  }();
  static const std::unordered_map<std::string, int64_t> layouts = {
      {"strided", static_cast<int64_t>(at::kStrided)},
      {"sparse_coo", static_cast<int64_t>(at::kSparse)},
      {"sparse_csr", static_cast<int64_t>(at::kSparseCsr)},
      {"sparse_csc", static_cast<int64_t>(at::kSparseCsc)},
      {"sparse_bsr", static_cast<int64_t>(at::kSparseBsr)},
      {"sparse_bsc", static_cast<int64_t>(at::kSparseBsc)},
      {"jagged", static_cast<int64_t>(at::kJagged)}};
  static const std::unordered_map<std::string, int64_t> formats = {
      {"contiguous_format", static_cast<int64_t>(at::MemoryFormat::Contiguous)},
      {"preserve_format", static_cast<int64_t>(at::MemoryFormat::Preserve)},
      {"channels_last", static_cast<int64_t>(at::MemoryFormat::ChannelsLast)},
      {"channels_last_3d", static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d)}};
  if (kind == c10::TypeKind::ScalarTypeType) return dtypes;
  return kind == c10::TypeKind::LayoutType ? layouts : formats;
}

}  // namespace lorashear
