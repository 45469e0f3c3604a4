import ArgumentParser
import Commands
import Foundation
import Groundwork
import ModelCore
import Published
import Upcycling

/// `hybrid info`: exact parameter and cache arithmetic of any model, beside what the papers print.
struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print parameters and KV cache of a model folder or a known model, converted or not.",
    discussion: """
      With --kv-rank the model's attention is counted as latent attention (all layers, or --layers). --cache h2o:15.6% \
      says what H2O keeps of the cache at evaluation. Rows that the paper prints about the same shape stand beside \
      ours; where it is wrong, that is said.

      Example:
        hybrid info --preset llama-3.2-1b --kv-rank 64 --q-rank auto --rope-dim 32 \\
          --nope-dim 32
        hybrid info --preset hylo-llama-4mla12gdn
        hybrid info --published
      """)

  @Option(help: "Model folder or config.json.") var model: String?
  @Option(help: "Known model, such as llama-3.2-1b or nano-1b (an unknown name lists them).") var preset: String?
  @Option(help: "Width of the key/value latent.") var kvRank: Int?
  @Option(help: "Width of the query latent: auto (parameter parity), paper, or a number.") var qRank = "auto"
  @Option(help: "Rotated width of a head (default: half the head).") var ropeDim: Int?
  @Option(help: "Position-free width of a head (default: the rest of the head).") var nopeDim: Int?
  @Option(help: "Layers that become latent, such as 1,3,5 or 0-7 (default: all).") var layers: String?
  @Option(help: "Ranks chosen by auto are multiples of this (default: 1).") var granule: Int?
  @Option(help: "Count the cache as evicted: h2o:PERCENT%.") var cache: String?
  @Flag(help: "Print every published row beside ours and stop.") var published = false
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      if published {
        try refuse(
          [
            "--model": model != nil, "--preset": preset != nil, "--cache": cache != nil, "--kv-rank": kvRank != nil,
            "--q-rank": qRank != "auto", "--rope-dim": ropeDim != nil, "--nope-dim": nopeDim != nil,
            "--layers": layers != nil, "--granule": granule != nil,
          ], "says nothing with --published, which prints every row")
        return try report(PublishedFact.xecomla + PublishedFact.hylo)
      }
      let base = try source()
      let (config, clampedFrom) = try converted(base)
      let heavyHitters = try cache.map { try HeavyHitters($0) }
      if heavyHitters != nil { try config.requireEvictable() }
      // Of a model that is counted as another one nothing is stored.
      let weights = try kvRank == nil ? model.flatMap(Self.weights) : nil
      let report = ModelReport(
        config, facts: try PublishedFact.matching(config), clampedFrom: clampedFrom, heavyHitters: heavyHitters,
        stored: weights?.storedBytes ?? [:])
      try printResult(json ? report.json.text(pretty: true) : report.text)
    }
  }

  private func source() throws -> ModelConfig {
    switch (model, preset) {
    case (let folder?, nil):
      return try ModelConfig(contentsOf: URL(fileURLWithPath: folder))
    case (nil, let name?): return try ModelConfig.preset(name)
    default: throw UpcycleError.usage("give either --model DIR or --preset NAME")
    }
  }

  /// The weights of a model folder; nil where it has none, as for a config.json, and, with a note, before they are there.
  private static func weights(_ path: String) throws -> CheckpointReader? {
    let folder = URL(fileURLWithPath: path)
    let names = [CheckpointReader.singleName, CheckpointReader.indexName]
    guard names.contains(where: { fileKind(folder.appendingPathComponent($0).path) != nil }) else { return nil }
    do { return try CheckpointReader(folder) } catch let error as UpcycleError {
      printNote("note: \(error)")
      return nil
    }
  }

  private func converted(_ source: ModelConfig) throws -> (ModelConfig, clampedFrom: Int?) {
    guard let kvRank else {
      try refuse(
        [
          "--q-rank": qRank != "auto", "--rope-dim": ropeDim != nil, "--nope-dim": nopeDim != nil,
          "--layers": layers != nil, "--granule": granule != nil,
        ], "is of latent attention", hint: "give --kv-rank too")
      return (source, nil)
    }
    let query = try QueryRank(qRank)
    try refuse(["--granule": granule != nil && query != .auto], "is of a rank that auto chooses", hint: "--q-rank auto")
    let granule = self.granule ?? 1
    guard granule >= 1 else {
      throw UpcycleError.usage("bad value", at: "--granule", expected: "at least 1", found: "\(granule)")
    }
    let base = source.baseModel
    let rope = ropeDim ?? base.headDim / 2
    let nope = nopeDim ?? max(0, base.headDim - rope)
    var latent = LatentConfig(
      qRank: nil, kvRank: kvRank, nopeHeadDim: nope, ropeHeadDim: rope, valueHeadDim: base.headDim,
      upProjectionHeads: base.attentionHeads)
    let list = try layers.map { try LayerSelection($0).resolve(layerCount: base.layerCount) }
    _ = try base.withLatentAttention(latent, layers: list)  // refuses impossible ranks before parity is asked
    let rank = try query.resolve(
      base: base, kvRank: kvRank, nopeHeadDim: nope, ropeHeadDim: rope, granule: granule)
    latent.qRank = rank.rank
    return (try base.withLatentAttention(latent, layers: list), rank.clampedFrom)
  }

  private func report(_ facts: [PublishedFact]) throws {
    if json { return try printResult(JSONValue.array(try facts.map { try ModelReport.json($0) }).text(pretty: true)) }
    for fact in facts { try printResult(ModelReport.line(fact, showsShape: true)) }
  }
}
