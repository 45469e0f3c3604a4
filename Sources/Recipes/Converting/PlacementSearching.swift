import Distillation
import Foundation
import Groundwork
import ModelCore
import Upcycling

/// Finds the layers of a trained super-network that keep their attention, and writes the model that is left when every other
/// layer takes its linear block. What has been measured is kept in a file, so that an interrupted search goes on.
public struct PlacementSearching {
  /// Folder of an attention-only model.
  public var base: URL
  /// Folder of the super-network's linear blocks.
  public var linear: URL
  /// How it is searched.
  public var beam: PlacementBeam
  /// Token ids that divergences are measured on, equally long.
  public var windows: [[Int32]]
  /// Measured paths, a CSV file.
  public var measured: URL

  public init(base: URL, linear: URL, beam: PlacementBeam, windows: [[Int32]], measured: URL) {
    self.base = base
    self.linear = linear
    self.beam = beam
    self.windows = windows
    self.measured = measured
  }

  /// Searches and writes the chosen model to `out`, which appears whole.
  /// - Parameter report: (paths measured, paths at most)
  /// - Returns: the beam of every round, the best first
  public func run(
    to out: URL, report: (Int, Int) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> [[PlacementBeam.Candidate]] {
    let rounds = try search(report, shouldStop)
    // A beam whose sets overlap needs fewer paths.
    report(beam.mostMeasurements, beam.mostMeasurements)
    guard let best = rounds.last?.first else { preconditionFailure("a beam has a round") }
    _ = try Composition(attentionLayers: best.layers).write(base: base, latent: base, linear: linear, to: out)
    return rounds
  }

  private func search(_ report: (Int, Int) -> Void, _ shouldStop: () -> Bool) throws -> [[PlacementBeam.Candidate]] {
    let paths = try MeasuredPaths(measured, of: identity)
    let divergence = try PathDivergence(
      SuperNetwork(base: LanguageModel(folder: base), linear: LanguageModel(folder: linear)), windows: windows)
    var done = 0
    return try beam.search { layers in
      defer {
        done += 1
        report(done, beam.mostMeasurements)
      }
      if let known = paths[layers] { return known }
      if shouldStop() {
        throw UpcycleError(
          "interrupted after \(done) of at most \(beam.mostMeasurements) paths; the same command goes on from there",
          at: measured.path, kind: .interrupted)
      }
      let value = divergence(layers)
      try paths.add(layers, value)
      return value
    }
  }

  /// What the measured numbers depend on.
  private var identity: String {
    get throws {
      let text = sha256(windows.flatMap { $0 }.map(String.init).joined(separator: ","))
      return try "\(modelIdentity(base)) \(modelIdentity(linear)) \(text.prefix(16))"
    }
  }
}

/// Divergences of paths in a CSV file that grows by a row a measurement; one of other models or other text begins anew.
private final class MeasuredPaths {
  private let file: URL
  private var table: CSV
  private var known: [[Int]: Double] = [:]

  init(_ file: URL, of identity: String) throws {
    self.file = file
    table = CSV(header: ["attention_layers", "kl"])
    table.comments = ["# divergence of paths of \(identity)"]
    guard let found = try? CSV(contentsOf: file), found.comments == table.comments, found.header == table.header else {
      return
    }
    for row in found.rows {
      let layers = row[0].split(separator: " ").compactMap { Int($0) }
      if let value = Double(row[1]) {
        known[layers] = value
        table.rows.append(row)
      }
    }
  }

  subscript(layers: [Int]) -> Double? { known[layers] }

  func add(_ layers: [Int], _ value: Double) throws {
    known[layers] = value
    table.rows.append([layers.map(String.init).joined(separator: " "), "\(value)"])
    try writeFile(table.text, to: file)
  }
}

/// The progress line of a search: what is measured, of that at most.
public func searchReport(_ label: String, quiet: Bool) -> (Int, Int) -> Void {
  var (progress, isDone): (ProgressLine?, Bool) = (nil, false)
  return { done, most in
    if isDone { return }
    let line = progress ?? ProgressLine(label, total: most, startingAt: done - 1, quiet: quiet)
    progress = line
    line.update(done)
    isDone = done == most
    if isDone { line.finish() }
  }
}
