import ArgumentParser
import Commands
import Foundation
import Groundwork
import TensorCore

@main
struct Bench: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain()
  }

  static let configuration = CommandConfiguration(
    abstract: "Measures speed beside PyTorch and llama.cpp (when they are installed) and the machine's ceilings.",
    discussion: """
      Ours and the peer's runs alternate; every figure is the median of its own runs, and with five or more repeats \
      short disturbances do not show. Writes experiments/bench/<date>.json and prints a table.

      The peers are optional: a Python with torch, transformers, gguf, xllamacpp and lm_eval, named by --python or \
      UPCYCLE_PEER_PYTHON.

      Example:
        bench
        bench --only train_llama_d256 --repeats 9 --no-peer --json
        bench --profile llama-d256
      """, version: upcycleVersion)

  @Option(help: "Measure this entry alone (repeatable).") var only: [String] = []
  @Option(help: "Runs of each side per entry.") var repeats = 5
  @Option(help: "Threads of both sides.") var threads = 2
  @Option(help: "A Python that has torch (and transformers, gguf, xllamacpp, lm_eval).") var python: String?
  @Flag(help: "Leave the peers out.") var noPeer = false
  @Flag(help: "Print the result as JSON instead of a table.") var json = false
  @Option(help: "Where the result goes; default: experiments/bench/<date>.json, nowhere with --only.") var out: String?
  @Option(help: "Say where a training step of this preset spends its time, and stop.") var profile: String?
  @Flag(help: "List the entries and stop.") var list = false

  func run() throws {
    runReportingErrors {
      if repeats < 1 || threads < 1 {
        throw UpcycleError.usage("repeats and threads are at least 1", found: "\(repeats) and \(threads)")
      }
      Threads.set(threads)
      if let profile {
        try refuse(
          [
            "--only": !only.isEmpty, "--out": out != nil, "--python": python != nil, "--no-peer": noPeer,
            "--list": list,
          ], "says nothing with --profile")
        try printResult(StepProfile(preset: profile, repeats: repeats).text(json: json))
        return
      }
      let workloads = Workload.all
      if list {
        try refuse(["--json": json], "says nothing with --list")
        for workload in workloads { try printResult("\(workload.name): \(workload.summary)") }
        return
      }
      for name in only where !workloads.contains(where: { $0.name == name }) {
        throw UpcycleError.usage(
          "no such entry", at: "--only", expected: workloads.map(\.name).joined(separator: ", "), found: name)
      }
      let chosen = workloads.filter { only.isEmpty || only.contains($0.name) }
      let report = try measure(chosen)
      try printResult(json ? report.text : report.table)
      if let path = out ?? (only.isEmpty ? "experiments/bench/\(report.date).json" : nil) {
        let url = URL(fileURLWithPath: path)
        try makeDirectory(url.deletingLastPathComponent())
        try writeFile(report.text + "\n", to: url)
      }
    }
  }

  private func measure(_ workloads: [Workload]) throws -> Report {
    let machine = Machine(threads: threads)
    let peers = noPeer ? nil : Peers(python: python, threads: threads)
    let roofs = Roofs()
    var entries: [Report.Entry] = []
    let progress = ProgressLine("bench", total: workloads.count, quiet: json)
    for workload in workloads {
      entries.append(try workload.measure(repeats: repeats, peers: peers, roofs: roofs))
      progress.update(entries.count, workload.name)
    }
    progress.finish()
    return Report(machine: machine, peers: peers?.versions, roofs: roofs, entries: entries)
  }
}
