// The generic door: resolve an operator by its schema once, then call it boxed (design §3.3).
#include "boundary/call.h"

#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <sstream>

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

std::string printed(const c10::FunctionSchema& schema) {
  std::ostringstream out;
  out << schema;
  return out.str();
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
        } else {
          entry.Set("id", static_cast<double>(state.operators.size()));
          state.operators.push_back(*found);
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

// call(id, ...arguments): arguments by position; undefined or missing ones take the schema's
// default.
Napi::Value call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    State& state = state_of(env);
    const auto id = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
    if (id >= state.operators.size()) throw BadArgument("unknown operator id");
    const c10::OperatorHandle& op = state.operators[id];
    const auto& parameters = op.schema().arguments();
    if (info.Length() - 1 > parameters.size()) {
      throw BadArgument("takes " + std::to_string(parameters.size()) + " arguments, got " +
                        std::to_string(info.Length() - 1));
    }
    torch::jit::Stack stack;
    stack.reserve(parameters.size());
    for (size_t i = 0; i < parameters.size(); ++i) {
      const Napi::Value value = info[i + 1];
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
  });
}

}  // namespace

void export_call(Napi::Env env, Napi::Object exports) {
  exports.Set("resolve", Napi::Function::New(env, resolve, "resolve"));
  exports.Set("call", Napi::Function::New(env, call, "call"));
}

}  // namespace lorashear
