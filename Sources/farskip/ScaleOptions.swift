import ArgumentParser
import Commands
import Collectives
import Foundation
import Groundwork
import LabKit
import Recipes

extension Workload.Mode: ExpressibleByArgument {}

/// `farskip simulate --model`: a model at full scale.
struct ScaleOptions: ParsableArguments {
  @Option(help: "A published model such as deepseek-v3, or a checkpoint folder with experts.") var model: String?
  @Option(help: "GPUs that share the experts, a list (default: what fits of 8,16,32,64).") var gpus: String?
  @Option(
    help: """
      Hosts of one GPU that share the batches of a distillation, a list such as 8,64,512: any model's gradients, summed \
      behind the backward pass.
      """)
  var replicas: String?
  @Option(help: "Bandwidth one way per GPU inside a node and between nodes (default 310GB/s,50GB/s).") var link: String?
  @Option(help: "training, prefill or decode (default training).") var mode: Workload.Mode?
  @Option(
    help: "Sequences: of a GPU's micro-batch in training (1), of the whole batch in prefill (16) and decode (1024).")
  var batch: Int?
  @Option(help: "Tokens of a sequence: trained on (4096), of the prompt (2048), in the cache (4096).")
  var sequence: String?
  @Option(help: "Share of the peak that products reach (default: fitted).") var efficiency: Double?
  @Option(help: "Dense peak in TFLOP/s (default 1307.4, an MI300X in bfloat16; in FP8 2614.9).") var peak: Double?
  @Option(help: "Microseconds before the first byte, inside a node and between nodes (default 0,0; decode 20,40).")
  var latency: String?
  @Option(help: "GPUs in a node (default 8).") var perNode: Int?
  @Option(
    defaultAsFlag: "simulate.svg",
    help: "Draw speed-up and overlap by GPU count as SVG (with gnuplot, inside a checkout).")
  var plot: String?

  /// The options that need --model.
  var names: String {
    "--gpus, --replicas, --link, --mode, --batch, --sequence, --efficiency, --peak, --latency, --per-node and --plot need --model"
  }
  var isUsed: Bool {
    let texts = [gpus, replicas, link, sequence, latency, plot].contains { $0 != nil }
    return texts || mode != nil || batch != nil || efficiency != nil || peak != nil || perNode != nil
  }

  func simulate(_ model: String, kappa: Double?, timeline: URL?, json: Bool) throws {
    let fit = Calibration(.throughout)
    if let replicas {
      if gpus != nil || mode != nil || perNode != nil || plot != nil || kappa != nil || timeline != nil {
        throw UpcycleError.usage(
          "leaves options without a meaning", at: "--replicas",
          hint: "--gpus, --mode, --per-node, --plot, --kappa and --timeline")
      }
      return try simulateReplicas(replicas, model, fit: fit, json: json)
    }
    let scenario = try scenario(model, fit: fit, kappa: kappa)
    let counts = try gpuCounts(for: scenario)
    let picture = try plot.map {
      (try outputFile($0, "--plot", replacing: "svg"), try FigureScript.ofCheckout("simulate.gp"))
    }
    let points = counts.map { scenario.point(gpus: $0) }
    if let timeline {
      try scenario.writeTimeline(gpus: counts[0], to: timeline)
      sayWritten(timeline)
    }
    let assumed = ScenarioAssumptions(
      scenario, fit: fit, isFitted: (efficiency: efficiency == nil, kappa: kappa == nil))
    try printResult(json ? assumed.json(points).text(pretty: true) : assumed.text + "\n\n" + ScalingPoint.table(points))
    if let (plot, script) = picture {
      try drawScaling(points, of: scenario, with: script, to: plot)
      sayWritten(plot)
    }
  }

  private func scenario(_ name: String, fit: Calibration, kappa: Double?) throws -> Scenario {
    let shape = try modelShape(name)
    let size = try batchAndSequence()
    try requireRate()
    var scenario = Scenario(
      shape, mode: mode ?? .training, batch: size.batch, sequence: size.sequence, fit: fit, efficiency: efficiency,
      kappa: kappa)
    try adjust(&scenario.accelerator)
    return scenario
  }

  private func batchAndSequence() throws -> (batch: Int?, sequence: Int?) {
    let sequence = try sequence.map { try count($0, "--sequence", 1...100_000_000) }
    if let batch { _ = try count("\(batch)", "--batch", 1...10_000_000) }
    return (batch, sequence)
  }

  private func requireRate() throws {
    if let efficiency, !(efficiency > 0 && efficiency <= 1) {
      throw UpcycleError.usage(
        "is no share of the peak", at: "--efficiency", expected: "above 0, at most 1", found: "\(efficiency)")
    }
    if let peak, !(peak > 0 && peak.isFinite) {
      throw UpcycleError.usage("computes nothing", at: "--peak", expected: "TFLOP/s above 0", found: "\(peak)")
    }
  }

  /// What is given of peak, links and nodes.
  private func adjust(_ accelerator: inout Accelerator) throws {
    if let peak { accelerator.peak = peak }
    if let perNode { accelerator.perNode = try count("\(perNode)", "--per-node", 1...4096) }
    if let link { (accelerator.intraBandwidth, accelerator.interBandwidth) = try parseLinks(link) }
    if let latency {
      let parts = latency.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? -1 }
      guard (1...2).contains(parts.count), parts.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
        throw UpcycleError.usage(
          "is no latency", at: "--latency", expected: "microseconds such as 20,40", found: latency)
      }
      (accelerator.intraLatency, accelerator.interLatency) = (parts[0] / 1000, parts.last! / 1000)
    }
  }

  /// Copies of a model on hosts of one accelerator each.
  private func simulateReplicas(_ list: String, _ model: String, fit: Calibration, json: Bool) throws {
    let hosts = try list.split(separator: ",", omittingEmptySubsequences: false).map {
      try count(String($0), "--replicas", 1...100_000)
    }
    let size = try batchAndSequence()
    try requireRate()
    var accelerator = Accelerator(efficiency: efficiency ?? fit.efficiency)
    try adjust(&accelerator)
    let (batch, sequence) = (
      size.batch ?? Workload.Mode.training.batch, size.sequence ?? Workload.Mode.training.sequence
    )
    let step = ReplicatedStep(
      distilling: try presetOrFolder(model), tokens: batch * sequence, sequence: sequence, on: accelerator)
    if json { return try printResult(step.json(hosts: hosts).text(pretty: true)) }
    try printResult(
      String(
        format:
          "distillation from a model of the same shape, %d x %d tokens on every host: %.1f TFLOP/s, %g GB/s a host, "
          + "float32 gradients\n\n", batch, sequence, accelerator.peak * accelerator.efficiency,
        accelerator.interBandwidth) + step.table(hosts: hosts))
  }

  /// The given counts, or those of 8, 16, 32 and 64 that fit the model.
  private func gpuCounts(for scenario: Scenario) throws -> [Int] {
    let fitting = [8, 16, 32, 64].filter { (try? scenario.require(gpus: $0)) != nil }
    let counts =
      try gpus.map { list in
        try list.split(separator: ",", omittingEmptySubsequences: false).map {
          try count(String($0), "--gpus", 1...100_000)
        }
      } ?? (fitting.isEmpty ? [8] : fitting)
    for count in counts { try scenario.require(gpus: count) }
    return counts
  }

  private func count(_ text: String, _ option: String, _ range: ClosedRange<Int>) throws -> Int {
    guard let number = parseCount(text), range.contains(number) else {
      throw UpcycleError.usage(
        "is no such number", at: option, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\"\(text)\"")
    }
    return number
  }
}
