#include "env/environment.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
#include "env/attributes.h"
#include "env/process.h"
#include "env/settings.h"
#include "env/sharded.h"
#include "env/tool.h"

namespace rlvr {
namespace {

// Settings of one environment with what all have.
template <class Own>
struct WithLimits {
  ConversationLimits limits;
  Own own;
  template <class Visitor>
  void Params(Visitor& p) {
    p("max_turns", limits.max_turns, 1, 100000);
    p("max_tokens", limits.max_tokens, int64_t{0}, int64_t{1} << 40);
    own.Params(p);
  }
};

struct NoSettings {
  template <class Visitor>
  void Params(Visitor&) {}
};

// body(settings, make): the settings of the environment called `name`, and how it is made of them.
template <class Body>
void WithEnvironment(const std::string& name, const Body& body) {
  if (name == "attributes") body(WithLimits<AttributesSettings>(), MakeAttributes);
  if (name == "none")
    body(WithLimits<NoSettings>(), [](const auto&, const auto&) { return nullptr; });
  if (name == "process") body(WithLimits<ProcessSettings>(), MakeProcess);
  if (name == "sharded") body(WithLimits<ShardedSettings>(), MakeSharded);
  if (name == "tool") body(WithLimits<ToolSettings>(), MakeTool);
}

std::string EnvironmentName(const ConfigNode* node) {
  if (node == nullptr || node->kind == ConfigNode::Kind::kNull) return "none";
  if (node->kind != ConfigNode::Kind::kMap)
    throw Error(node->place, "environment is no map", "write environment: {name: sharded}");
  const ConfigNode* name = node->Find("name");
  std::vector<std::string> names;
  for (const EnvironmentInfo& info : Environments()) names.push_back(info.name);
  if (name == nullptr)
    throw Error(node->place, "the environment has no name", DidYouMean("", names));
  if (std::find(names.begin(), names.end(), name->scalar) == names.end())
    throw Error(name->place.empty() ? node->place : name->place,
                "there is no environment '" + name->scalar + "'", DidYouMean(name->scalar, names));
  return name->scalar;
}

template <class Settings>
Settings ReadEnvironment(const ConfigNode* node) {
  Settings settings;
  std::string name;
  SettingsReader reader(node, "environment");
  reader("name", name);
  settings.Params(reader);
  reader.Done();
  return settings;
}

}  // namespace

const std::vector<EnvironmentInfo>& Environments() {
  static const std::vector<EnvironmentInfo> list = {
      {"attributes", "guess an object by questions about its attributes (arXiv:2510.27410)"},
      {"none", "no conversation: prompts are answered in one turn"},
      {"process", "one of your own, in any language: child processes that speak lines of JSON"},
      {"sharded",
       "a user reveals the request piece by piece; attempts are judged (arXiv:2505.06120)"},
      {"tool", "a calculator that the policy may call before it answers"}};
  return list;
}

std::unique_ptr<EnvironmentMaker> MakeEnvironment(const ConfigNode* node,
                                                  const EnvironmentServices& services) {
  std::unique_ptr<EnvironmentMaker> maker;
  WithEnvironment(EnvironmentName(node), [&](auto settings, const auto& make) {
    settings = ReadEnvironment<decltype(settings)>(node);
    maker = make(settings.own, services);
  });
  return maker;
}

ConfigNode ResolveEnvironment(const ConfigNode* node) {
  ConfigNode out = node == nullptr ? ConfigNode{} : *node;
  std::string name = EnvironmentName(node);
  WithEnvironment(name, [&](auto settings, const auto&) {
    settings = ReadEnvironment<decltype(settings)>(node);
    SettingsWriter writer(&out);
    writer("name", name);
    settings.Params(writer);
  });
  return out;
}

ConversationLimits ReadConversationLimits(const ConfigNode* node) {
  ConversationLimits limits;
  WithEnvironment(EnvironmentName(node), [&](auto settings, const auto&) {
    limits = ReadEnvironment<decltype(settings)>(node).limits;
  });
  return limits;
}

}  // namespace rlvr
