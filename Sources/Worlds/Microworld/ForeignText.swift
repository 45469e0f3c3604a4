import Foundation
import Groundwork

/// Text by another author about the same world, for distillation: in the papers a base was pretrained on far more than the
/// distillation set holds, and not all of that is right. Other documents in other words, about half of the facts; a share of the
/// answers is wrong.
public struct ForeignText: Hashable, Codable, Sendable {
  /// rho: the share of answers that are given wrongly, in [0, 1]. Texts of different shares are the same but for these answers.
  public let errorShare: Double

  /// - Throws: a usage error for a share outside [0, 1]
  public init(errorShare: Double) throws {
    guard (0...1).contains(errorShare) else {
      throw UpcycleError.usage(
        "is not a share of answers", field: "rho", expected: "0 to 1", found: "\(errorShare)")
    }
    self.errorShare = errorShare
  }

  /// What tells its texts from others by name.
  public var name: String { "foreign-rho\(errorShare)" }
}

extension World {
  /// The same world with half of the facts of every entity left out: what a foreign text tells of. Facts keep their ids.
  func halved() -> World {
    var world = self
    for subject in entities.indices {
      var order = RandomStream(seed: seed, "foreign/facts").substream(UInt64(subject))
      var kept = entities[subject].facts
      order.shuffle(&kept)
      // An odd number is rounded up for one half of the entities and down for the other.
      kept.removeLast((kept.count + order.next(below: 2)) / 2)
      world.entities[subject].facts = kept.sorted()
    }
    world.index()
    return world
  }
}

extension Scribe {
  /// How this author puts facts of a relation.
  func phrasing(_ relation: Relation) -> Phrasing { (foreign == nil ? Phrasing.of : Phrasing.foreign)[relation]! }

  /// Whether the author gets the next answer wrong.
  mutating func errs() -> Bool { foreign.map { slips.nextUniform() < $0.errorShare } ?? false }

  /// A value that the author takes for the fact's.
  mutating func slips(about fact: Fact) -> String? {
    let others = world.values[fact.relation]!.filter { $0 != fact.value }
    return others.isEmpty ? nil : slips.pick(others)
  }

  /// An exercise as training text: with the right answer, or with a wrong one where the author errs.
  mutating func solved(_ exercise: Exercise) -> String {
    guard errs() else { return exercise.text }
    if let fillings = exercise.fillings { return fillings[1 - exercise.answer] + exercise.choices[0] }
    guard let solution = exercise.solution else {
      let wrong = exercise.choices.indices.filter { $0 != exercise.answer }
      return exercise.context + exercise.choices[slips.pick(wrong)]
    }
    guard let answer = exercise.answerText.flatMap({ Int($0) }), let after = exercise.answerAfter else {
      return exercise.text
    }
    let wrong = answer + slips.pick([-3, -2, -1, 1, 2, 3])
    return exercise.context + solution.replacingOccurrences(of: "\(after) \(answer).", with: "\(after) \(wrong).")
  }
}
