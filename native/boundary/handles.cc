// Memory accounting of the handle table.
#include "boundary/handles.h"

#include <unordered_set>

namespace lorashear {

size_t HandleTable::bytes() const {
  std::unordered_set<const void*> seen;
  size_t total = 0;
  for (const Slot& slot : slots_) {
    if (!slot.alive || !slot.tensor.defined() || !slot.tensor.has_storage()) continue;
    if (slot.tensor.device().is_meta()) continue;
    const auto& storage = slot.tensor.storage();
    if (seen.insert(storage.unsafeGetStorageImpl()).second) total += storage.nbytes();
  }
  return total;
}

}  // namespace lorashear
