import Groundwork

/// What the stages of a plan that are left to do cost on some devices: columns of its text, and the same numbers for scripts.
struct CostTable {
  private let costs: [StageCost]
  private let devices: Devices
  private let columns: [[String]]

  /// - Parameter costs: of every line, in order
  init(_ costs: [StageCost], on devices: Devices) {
    self.costs = costs
    self.devices = devices
    func column(_ head: String, _ text: (StageCost) -> String) -> [String] { [head] + costs.map(text) }
    func bytes(_ count: Int?) -> String { count.map { $0 == 0 ? "0" : formatBytes($0) } ?? "-" }
    columns = [
      column("work") { $0.operations.map(formatOperations) ?? "-" },
      column("weights read") { bytes($0.read) },
      column("written") { bytes($0.written) },
      column("in memory") { ($0.fits(devices) ? "" : "! ") + bytes($0.state) },
      column("time") { $0.operations.map { formatHours(devices.hours($0)) } ?? "-" },
    ]
  }

  /// The columns' heads.
  var head: String { row(0) }

  /// Of the line of that number, from 0.
  func line(_ number: Int) -> String { row(number + 1) }

  private func row(_ number: Int) -> String {
    columns.map { column in column[number].rightAligned(column.map(\.count).max() ?? 0) }.joined(separator: "  ")
  }

  /// What is known together, and what is not.
  var total: String {
    var text = "in all \(formatOperations(operations)), \(formatHours(devices.hours(operations)))"
    if uncounted > 0 { text += "; \(counted(uncounted, "stage")) of unknown work" }
    guard let memory = devices.memory, costs.contains(where: { !$0.fits(devices) }) else { return text }
    return text + "\n  ! does not fit: dealt out to all devices, it is more than the \(formatBytes(memory)) of each"
  }

  /// Operations of all lines that are known.
  private var operations: Double { costs.compactMap(\.operations).reduce(0, +) }
  private var uncounted: Int { costs.count { $0.operations == nil } }

  /// Of the whole plan, for scripts.
  var json: [String: JSONValue] {
    [
      "machine": .string(devices.description), "flops": .double(operations),
      "hours": .double(devices.hours(operations)), "uncounted": .int(uncounted),
    ]
  }

  /// Of the line of that number, from 0.
  func json(_ number: Int) -> [String: JSONValue] {
    let cost = costs[number]
    func real(_ value: Double?) -> JSONValue { value.map(JSONValue.double) ?? .null }
    func bytes(_ count: Int?) -> JSONValue { count.map(JSONValue.int) ?? .null }
    return [
      "flops": real(cost.operations), "hours": real(cost.operations.map(devices.hours)),
      "read_bytes": bytes(cost.read), "written_bytes": bytes(cost.written), "state_bytes": bytes(cost.state),
      "fits": .bool(cost.fits(devices)),
    ]
  }
}
