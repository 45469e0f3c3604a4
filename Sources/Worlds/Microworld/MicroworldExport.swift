import Foundation
import Groundwork
import TokenData

/// Writes a whole microworld to a folder: texts of both mixtures, held-out texts, preference pairs, task
/// files, the world itself and a manifest.
public struct MicroworldExport: Sendable {
  /// Text per token of a 2,048-entry byte-level BPE trained on this text, for sizes given in tokens.
  public static let bytesPerToken = 3.9

  /// Of the world and of everything written about it.
  public var seed: UInt64
  /// Which microworld.
  public var edition = Edition.first
  /// Sizes in tokens, by `bytesPerToken`.
  public var pretrainingTokens = 8_000_000
  /// Of the instruction mixture; 0 writes none.
  public var instructionTokens = 3_000_000
  /// Of held-out text, each of both mixtures; 0 writes none.
  public var validationTokens = 100_000
  /// Of another author's text to distill on, four fifths of it for end-to-end distillation, one for layer-wise; as much again
  /// of the mixture of long replies. 0 writes none.
  public var foreignTokens = 0
  /// How often the other author errs.
  public var foreign: ForeignText?
  /// 0 writes none.
  public var preferencePairs = 4000
  /// In each set; 0 writes none.
  public var itemsPerTask = 500
  /// Names of the sets, which share no draw.
  public var itemSets = ["a", "b"]

  public init(seed: UInt64) { self.seed = seed }

  /// One line of the manifest.
  public struct File: Codable, Sendable {
    /// Path within the folder.
    public let file: String
    /// Size of the file.
    public let bytes: Int
    /// Documents, pairs or items.
    public let count: Int
    /// Of its bytes.
    public let sha256: String
    /// Of a task whose items need facts: the share of items whose rarest subject is in the head, the middle or the tail.
    public let bands: [String: Double]?
  }
  /// `manifest.json`: what the folder holds and where it came from.
  public struct Manifest: Codable, Sendable {
    /// Of this file.
    public var format = 1
    /// That decided everything.
    public let seed: UInt64
    /// Which microworld.
    public let edition: Edition
    /// The world's size.
    public let knobs: World.Knobs
    /// How often the other author errs; nil: no such text is there.
    public let rho: Double?
    /// How many the world has.
    public let entities: Int
    /// How many the world has.
    public let facts: Int
    /// In the order written.
    public let files: [File]
  }

  /// - Parameter report: told of each file as it is complete.
  @discardableResult
  public func write(to folder: URL, report: (File) -> Void = { _ in }) throws -> Manifest {
    let world = World(seed: seed, edition: edition)
    var files: [File] = []
    func done(_ name: String, count: Int, bands: [String: Double]? = nil) throws {
      let url = folder.appendingPathComponent(name)
      let bytes = try FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int ?? 0
      files.append(File(file: name, bytes: bytes, count: count, sha256: try sha256(fileAt: url), bands: bands))
      report(files[files.count - 1])
    }
    var texts: [(String, MicroworldCorpus.Mixture, MicroworldCorpus.Part, ForeignText?, Int)] = [
      ("pretraining.txt", .pretraining, .training, nil, pretrainingTokens),
      ("instruction.txt", .instruction, .training, nil, instructionTokens),
      ("pretraining-valid.txt", .pretraining, .validation, nil, validationTokens),
      ("instruction-valid.txt", .instruction, .validation, nil, validationTokens),
    ]
    if let foreign {
      texts += [
        ("foreign-intermediate.txt", .instruction, .intermediate, foreign, foreignTokens / 5),
        ("foreign-supervised.txt", .instruction, .supervised, foreign, foreignTokens * 4 / 5),
        ("foreign-replies.txt", .replies, .training, foreign, foreignTokens),
      ]
    }
    for (name, mixture, part, foreign, tokens) in texts where tokens > 0 {
      let corpus = MicroworldCorpus(world: world, mixture: mixture, seed: seed, part: part, foreign: foreign)
      let goal = Int(Double(tokens) * Self.bytesPerToken)
      try done(name, count: try corpus.write(atLeast: goal, to: folder.appendingPathComponent(name)))
    }
    if preferencePairs > 0 {
      let pairs = (0..<preferencePairs).map { PreferencePair.pair($0, world: world, seed: seed) }
      try writeFile(JSONLines.text(pairs), to: folder.appendingPathComponent("preferences.jsonl"))
      try done("preferences.jsonl", count: preferencePairs)
    }
    for set in itemsPerTask > 0 ? itemSets : [] {
      for task in MicroworldTask.allCases {
        let items = try task.items(world: world, set: set, count: itemsPerTask)
        let name = "tasks/\(set)/\(task.rawValue).jsonl"
        try TaskItem.write(items, to: folder.appendingPathComponent(name))
        try done(name, count: items.count, bands: world.bandShares(items))
      }
    }
    try writeFile(jsonText(world.record, pretty: true), to: folder.appendingPathComponent("world.json"))
    try done("world.json", count: world.facts.count)
    let manifest = Manifest(
      seed: seed, edition: edition, knobs: world.knobs, rho: foreign?.errorShare,
      entities: world.entities.count, facts: world.facts.count, files: files)
    try writeFile(jsonText(manifest, pretty: true), to: folder.appendingPathComponent("manifest.json"))
    return manifest
  }
}

extension World {
  /// The world as data.
  public struct Record: Codable, Sendable {
    /// Of the world.
    public let seed: UInt64
    /// Which microworld.
    public let edition: Edition
    /// Its size.
    public let knobs: Knobs
    /// By index.
    public let entities: [Entity]
    /// By id.
    public let facts: [Fact]
  }
  /// What `world.json` holds.
  public var record: Record { Record(seed: seed, edition: edition, knobs: knobs, entities: entities, facts: facts) }
}

extension MicroworldCorpus {
  /// Writes whole documents until the file holds at least `bytes` bytes; returns the number of documents.
  /// Blocks of documents are written by all cores and joined in order, so the file does not depend on them.
  public func write(atLeast bytes: Int, to url: URL) throws -> Int {
    let file = try AtomicFile(url)
    let block = 256
    let lanes = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var written = 0
    var next = 0
    while written < bytes {
      let texts = Blocks(count: lanes)
      let start = next
      DispatchQueue.concurrentPerform(iterations: lanes) { lane in
        let first = start + lane * block
        texts.set(lane, (first..<first + block).map { document($0) })
      }
      for documents in texts.values {
        var out = ""
        for text in documents where written < bytes {
          let size = out.utf8.count
          out += text
          out += "\n\(Self.separator)\n"
          written += out.utf8.count - size
          next += 1
        }
        try file.write(out)
      }
    }
    try file.commit()
    return next
  }

  /// One slot per lane; lanes write different slots, under a lock.
  private final class Blocks: @unchecked Sendable {  // `values` is guarded by `lock`
    private(set) var values: [[String]]
    private let lock = NSLock()
    init(count: Int) { values = Array(repeating: [], count: count) }
    func set(_ lane: Int, _ documents: [String]) {
      lock.lock()
      values[lane] = documents
      lock.unlock()
    }
  }
}
