#include "objective/coefficient.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "objective/controller/controller.h"

namespace rlvr {
namespace {

bool IsSchedule(const ConfigNode& n) {
  return n.kind == ConfigNode::Kind::kMap && n.Find("schedule") != nullptr;
}
bool IsController(const ConfigNode& n) {
  return n.kind == ConfigNode::Kind::kMap && n.Find("controller") != nullptr;
}

// Path of a child: list items by their name, so that state does not hang on their order.
std::string Below(const std::string& path, const std::string& key) { return path + "." + key; }
std::string ItemPath(const std::string& path, const ConfigNode& item) {
  const ConfigNode* name = item.Find("name");
  return name ? Below(path, name->scalar) : path;
}

double Scheduled(const ConfigNode& node, const std::string& path, int64_t step) {
  ConfigReader reader(&node, path);
  std::string name = "linear";
  reader("schedule", name, {"linear", "cosine", "exponential", "piecewise"});
  if (name == "piecewise") {
    const ConfigNode *at = reader.Child("at"), *values = reader.Child("values");
    reader.Done();
    if (!at || !values || at->items.empty() || at->items.size() != values->items.size()) {
      throw Error(node.place, "a piecewise schedule needs 'at' and 'values' of one length",
                  "write {schedule: piecewise, at: [1, 100], values: [0.1, 0.01]}");
    }
    const auto number = [&](const ConfigNode& n) {
      ConfigNode map;
      map.kind = ConfigNode::Kind::kMap;
      map.place = n.place;
      map.Set("value", n);
      ConfigReader one(&map, path);
      double v = 0;
      one("value", v, -1e300, 1e300);
      return v;
    };
    double value = number(values->items[0]);
    for (size_t i = 0; i < at->items.size(); ++i) {
      if (static_cast<double>(step) >= number(at->items[i])) value = number(values->items[i]);
    }
    return value;
  }
  double from = 0, to = 0;
  int64_t begin = 0, steps = 0;
  reader("from", from, -1e300, 1e300);
  reader("to", to, -1e300, 1e300);
  reader("begin", begin, int64_t{0}, int64_t{1} << 40);
  reader("steps", steps, int64_t{0}, int64_t{1} << 40);
  reader.Done();
  if (steps < 1) {
    throw Error(
        node.place, "a schedule needs 'steps'",
        fmt::format("write {{schedule: {}, from: {}, to: {}, steps: 100}}", name, from, to));
  }
  const double u =
      std::clamp(static_cast<double>(step - begin) / static_cast<double>(steps), 0.0, 1.0);
  if (name == "cosine") return from + (to - from) * (1 - std::cos(std::numbers::pi * u)) / 2;
  if (name == "exponential") {
    if (from * to <= 0) {
      throw Error(node.place, "an exponential schedule goes between numbers of one sign",
                  "use linear, or a small number instead of 0");
    }
    return from * std::pow(to / from, u);
  }
  return from + (to - from) * u;
}

std::unique_ptr<Controller> MakeController(const ConfigNode& node, const std::string& path) {
  ConfigReader reader(&node, path);
  std::string name;
  reader("controller", name);
  auto controller = ControllerList().Make(name, node.place, reader);
  reader.Done();
  return controller;
}

std::string StateKey(const std::string& path) { return "controller/" + path; }

// [value, memory ...]
double Controlled(const ConfigNode& node, const std::string& path, const RunState& state) {
  const auto controller = MakeController(node, path);
  const auto it = state.values.find(StateKey(path));
  return it == state.values.end() ? controller->Initial() : it->second.at(0);
}

void ForEachController(const ConfigNode& node, const std::string& path,
                       const std::function<void(const ConfigNode&, const std::string&)>& body) {
  if (IsController(node)) return body(node, path);
  for (size_t i = 0; i < node.items.size(); ++i) {
    const bool map = node.kind == ConfigNode::Kind::kMap;
    ForEachController(node.items[i],
                      map ? Below(path, node.keys[i]) : ItemPath(path, node.items[i]), body);
  }
}

}  // namespace

ConfigNode ResolveCoefficients(const ConfigNode& node, const std::string& path, int64_t step,
                               const RunState& state) {
  if (IsSchedule(node) || IsController(node)) {
    ConfigNode scalar;
    scalar.kind = ConfigNode::Kind::kScalar;
    scalar.place = node.place;
    scalar.scalar = fmt::format(
        "{}", IsSchedule(node) ? Scheduled(node, path, step) : Controlled(node, path, state));
    return scalar;
  }
  ConfigNode out = node;
  for (size_t i = 0; i < out.items.size(); ++i) {
    const bool map = node.kind == ConfigNode::Kind::kMap;
    out.items[i] = ResolveCoefficients(
        node.items[i], map ? Below(path, node.keys[i]) : ItemPath(path, node.items[i]), step,
        state);
  }
  return out;
}

void UpdateControllers(const ConfigNode& node, const std::string& path,
                       const std::map<std::string, double>& metrics, RunState* state) {
  ForEachController(node, path, [&](const ConfigNode& map, const std::string& where) {
    const auto controller = MakeController(map, where);
    std::vector<double>& kept = state->values[StateKey(where)];
    const double value = kept.empty() ? controller->Initial() : kept[0];
    std::vector<double> memory(kept.begin() + (kept.empty() ? 0 : 1), kept.end());
    const double next = controller->Next(value, StepMetrics(metrics), &memory);
    kept.assign(1, next);
    kept.insert(kept.end(), memory.begin(), memory.end());
  });
}

}  // namespace rlvr
