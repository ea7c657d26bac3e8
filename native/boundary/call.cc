// The generic door: resolve an operator by its schema once, then call it boxed (design §3.3).
#include "boundary/call.h"

#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <sstream>

#include "boundary/guard.h"
#include "boundary/marshal.h"
#include "boundary/types.h"

namespace lorashear {
namespace {

std::string printed(const c10::FunctionSchema& schema) {
  std::ostringstream out;
  out << schema;
  return out.str();
}

// The first type of the schema that JavaScript has no value for.
std::optional<std::string> foreign_type_of(const c10::FunctionSchema& schema) {
  for (const auto* side : {&schema.arguments(), &schema.returns()}) {
    for (const auto& value : *side) {
      if (!crosses(*value.real_type())) return value.type()->str();
    }
  }
  return std::nullopt;
}

// resolve(schemas: string[]): ({ id } | { error })[]; one entry for each declaration, so that the
// caller can report all mismatches at once.
Napi::Value resolve(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    State& state = state_of(env);
    const Napi::Array schemas = info[0].As<Napi::Array>();
    Napi::Array results = Napi::Array::New(env, schemas.Length());
    for (uint32_t i = 0; i < schemas.Length(); ++i) {
      Napi::Object entry = Napi::Object::New(env);
      try {
        const c10::FunctionSchema ours =
            torch::jit::parseSchema(schemas.Get(i).ToString().Utf8Value());
        const auto found = c10::Dispatcher::singleton().findSchema(ours.operator_name());
        if (!found) {
          entry.Set("error", "this libtorch has no such operator");
        } else if (printed(found->schema()) != printed(ours)) {
          entry.Set("error", "this libtorch declares " + printed(found->schema()));
        } else if (const auto foreign = foreign_type_of(found->schema())) {
          entry.Set("error", "values of type " + *foreign + " do not cross to JavaScript");
        } else {
          entry.Set("id", static_cast<double>(state.operators.size()));
          state.operators.push_back({*found, unboxed_of(*found)});
        }
      } catch (const Napi::Error&) {
        throw;
      } catch (const std::exception& e) {  // the parser throws c10::Error and its own ErrorReport
        const std::string text = e.what();
        entry.Set("error", "not a schema: " + text.substr(0, text.find('\n')));
      }
      results.Set(i, entry);
    }
    return results;
  });
}

// operators(): the schemas of all operators that this libtorch has registered, as it prints them.
Napi::Value operators(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    auto& dispatcher = c10::Dispatcher::singleton();
    Napi::Array schemas = Napi::Array::New(info.Env());
    for (const auto& name : dispatcher.getAllOpNames()) {
      const auto found = dispatcher.findSchema(name);
      if (found) schemas.Set(schemas.Length(), printed(found->schema()));
    }
    return schemas;
  });
}

napi_value call_boxed(Napi::Env env, State& state, const c10::OperatorHandle& op,
                      const Given& given) {
  const auto& parameters = op.schema().arguments();
  torch::jit::Stack stack;
  stack.reserve(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Napi::Value value = i < given.count ? Napi::Value(env, given.values[i]) : env.Undefined();
    const auto& parameter = parameters[i];
    if (value.IsUndefined() && parameter.default_value()) {
      stack.push_back(*parameter.default_value());
    } else {
      stack.push_back(to_ivalue(state, value, *parameter.real_type(), parameter.name()));
    }
  }
  op.callBoxed(stack);
  if (stack.empty()) return env.Undefined();
  if (stack.size() == 1) return from_ivalue(env, state, stack[0]);
  Napi::Array results = Napi::Array::New(env, stack.size());
  for (size_t i = 0; i < stack.size(); ++i) {
    results.Set(static_cast<uint32_t>(i), from_ivalue(env, state, stack[i]));
  }
  return results;
}

// Room for as many arguments as most calls have: what is not given is filled in by Node, one by
// one.
constexpr size_t kFew = 6;

// call(id, ...arguments): arguments by position; undefined or missing ones take the schema's
// default. Plain Node-API, as every operator comes through here.
napi_value call(napi_env raw, napi_callback_info info) {
  const Napi::Env env(raw);
  try {
    return guard(env, [&]() -> napi_value {
      size_t count = kFew;
      napi_value few[kFew];
      std::vector<napi_value> many;
      const napi_value* values = few;
      void* data = nullptr;
      napi_get_cb_info(raw, info, &count, few, nullptr, &data);
      if (count > kFew) {
        many.resize(count);
        napi_get_cb_info(raw, info, &count, many.data(), nullptr, nullptr);
        values = many.data();
      }
      State& state = *static_cast<State*>(data);
      uint32_t id = 0;
      if (count == 0 || napi_get_value_uint32(raw, values[0], &id) != napi_ok ||
          id >= state.operators.size()) {
        throw BadArgument("unknown operator id");
      }
      const Operator& op = state.operators[id];
      const Given given{raw, values + 1, count - 1};
      const size_t most = op.handle.schema().arguments().size();
      if (given.count > most) {
        throw BadArgument("takes " + std::to_string(most) + " arguments, got " +
                          std::to_string(given.count));
      }
      if (!op.unboxed) return call_boxed(env, state, op.handle, given);
      at::Tensor result = op.unboxed->call(state, given);
      if (!result.defined()) return env.Null();
      napi_value handle = nullptr;
      napi_create_double(raw, state.tensors.put(std::move(result)), &handle);
      return handle;
    });
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

}  // namespace

void export_call(Napi::Env env, Napi::Object exports) {
  exports.Set("resolve", Napi::Function::New(env, resolve, "resolve"));
  exports.Set("operators", Napi::Function::New(env, operators, "operators"));
  napi_value function = nullptr;
  napi_create_function(env, "call", NAPI_AUTO_LENGTH, call, &state_of(env), &function);
  exports.Set("call", Napi::Function(env, function));
}

}  // namespace lorashear
