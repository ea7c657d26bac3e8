// Values across the boundary: JavaScript value -> IValue by the schema's type, and back.
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <napi.h>

#include <vector>

#include "boundary/state.h"

namespace lorashear {

// Reads `value` as the argument `name` of type `type`; throws BadArgument naming what was expected.
c10::IValue to_ivalue(State& state, const Napi::Value& value, const c10::Type& type,
                      const std::string& name);

// Gives a result to JavaScript; tensors become new handles, undefined tensors null.
Napi::Value from_ivalue(Napi::Env env, State& state, const c10::IValue& value);

int64_t int_of(const Napi::Value& value, const std::string& name);
c10::Scalar scalar_of(const Napi::Value& value, const std::string& name);
double number_of(const Napi::Value& value, const std::string& name);
std::vector<double> numbers_of(const Napi::Value& value, const std::string& name);
std::vector<int64_t> ints_of(const Napi::Value& value, const std::string& name);
at::Tensor& tensor_of(State& state, const Napi::Value& value, const std::string& name);
std::vector<at::Tensor> tensors_of(State& state, const Napi::Value& value, const std::string& name);

}  // namespace lorashear
