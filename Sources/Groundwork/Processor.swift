import Foundation

/// The processor's name as the system tells it; "unknown" where it does not. One without a number, as virtual machines have
/// it ("AMD EPYC" from Zen 3 to Zen 5), is followed by family and model.
public func processorName() -> String {
  processorName(inInfo: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")
}

/// The same, of what /proc/cpuinfo says.
func processorName(inInfo info: String) -> String {
  func field(_ name: String) -> String? {
    let line = info.split(separator: "\n").first {
      $0.split(separator: ":").first?.trimmingCharacters(in: .whitespaces) == name
    }
    return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
  }
  guard let name = field("model name") else { return "unknown" }
  guard !name.contains(where: \.isNumber), let family = field("cpu family"), let model = field("model") else {
    return name
  }
  return "\(name) (family \(family), model \(model))"
}
