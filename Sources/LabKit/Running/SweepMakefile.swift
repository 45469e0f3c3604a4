import Foundation
import Groundwork

/// Plans as a makefile, so that make or a cluster's scheduler decides where stages run: a target a stage, the file that
/// a finished one has. Whatever is there is skipped, whatever failed or was killed runs again, and a stage that another
/// process works on is waited for.
public struct SweepMakefile {
  private let plans: [Plan]
  private let laboratory: Laboratory
  private let arguments: [String: String]

  /// - Parameters:
  ///   - plans: in the order in which they would run
  ///   - arguments: of `lab run`, by spec, that give that plan again, in words of a shell
  public init(_ plans: [Plan], in laboratory: Laboratory, arguments: [String: String]) {
    self.plans = plans
    self.laboratory = laboratory
    self.arguments = arguments
  }

  /// The file.
  /// - Parameter program: the path of `lab`
  /// - Throws: a usage error for names that make has no spelling for
  public func text(program: String) throws -> String {
    let (root, cache) = (laboratory.root.standardizedFileURL.path, laboratory.cache.standardizedFileURL.path)
    for text in [program, root] + arguments.values + plans.flatMap({ $0.nodes.values.map(\.cells[0]) })
    where text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
      throw UpcycleError.usage(
        "a makefile has no spelling for a name with a line break or a tab", found: text, hint: "give it another name")
    }
    if let sign = cache.first(where: { "%;|*?[\\".contains($0) }) {
      throw UpcycleError.usage(
        "a makefile has no spelling for a folder with \(sign) in its path", at: root,
        hint: "move the checkout, or run it without --makefile")
    }
    var lines = [
      "# Written by `lab plan --makefile`: a target a stage. From any folder:",
      "#   make -f FILE -j8                                      on this machine",
      "#   make -f FILE -j64 SRUN='srun --ntasks=1 --cpus-per-task=1'   on a cluster whose nodes share the folder",
      "LAB := \(Self.value(shellQuoted(program)))", "ROOT := \(Self.value(shellQuoted(root)))",
      "DONE := \(Self.value(Self.path(cache)))", "SRUN ?=", ".DELETE_ON_ERROR:",
      ".PHONY: records",
      "",
    ]
    var seen: Set<String> = []
    var timed: [(plan: Plan, node: Plan.Node)] = []
    for plan in plans {
      for key in plan.order where seen.insert(key).inserted {
        let node = plan.nodes[key]!
        if node.stage.isTimed { timed.append((plan, node)) } else { lines += rule(plan, node, after: []) }
      }
    }
    // What measures time runs when nothing else does, one after the other.
    let others = seen.subtracting(timed.map(\.node.key)).sorted()
    for (index, item) in timed.enumerated() {
      lines += rule(item.plan, item.node, after: index == 0 ? others : [timed[index - 1].node.key])
    }
    lines.append("records: \(seen.sorted().map(target).joined(separator: " "))")
    lines += plans.map { "\t\(command($0))" }
    // The first target is what a bare `make` makes.
    lines.insert("all: records", at: lines.firstIndex(of: "")! + 1)
    return lines.joined(separator: "\n") + "\n"
  }

  private func target(_ key: String) -> String { "$(DONE)/\(key)/done.json" }

  private func command(_ plan: Plan) -> String {
    "$(LAB) run --root $(ROOT) " + Self.expanded(arguments[plan.spec.name] ?? shellQuoted(plan.spec.name))
  }

  private func rule(_ plan: Plan, _ node: Plan.Node, after earlier: [String]) -> [String] {
    let before = Set(node.parents.values).union(earlier).sorted().map { " \(target($0))" }.joined()
    // A cell's name may end in a backslash, which would go on in the next line.
    return [
      "# \(node.cells[0])\(node.cells.count > 1 ? " and \(node.cells.count - 1) more" : ""): \(node.stage.name)",
      "\(target(node.key)):\(before.isEmpty ? "" : " |\(before)")",
      "\t$(SRUN) \(command(plan)) --stage \(node.key) --quiet",
      "",
    ]
  }

  /// What make expands to this text.
  private static func expanded(_ text: String) -> String { text.replacingOccurrences(of: "$", with: "$$") }

  /// This text as a variable's value, where # begins a comment unless a backslash stands before it.
  private static func value(_ text: String) -> String {
    expanded(text).replacing(/(\\*)#/) { "\($0.output.1)\($0.output.1)\\#" }
  }

  /// A path as make reads it among targets.
  private static func path(_ path: String) -> String { path.replacing(/[ :]/) { "\\\($0.output)" } }
}

extension Sweep {
  /// Runs one stage, whose parents are finished, and records nothing.
  /// - Parameter key: as `lab plan` shows it, or its beginning
  public func run(stage key: String) throws {
    let found = plans.flatMap { plan in plan.order.filter { $0.hasPrefix(key) }.map { (plan, plan.nodes[$0]!) } }
    guard let (plan, node) = found.first, Set(found.map(\.1.key)).count == 1, !key.isEmpty else {
      throw UpcycleError.usage(
        found.isEmpty ? "no stage of these experiments has this key" : "several stages have keys that begin so",
        field: "stage", found: key, hint: "lab plan lists the keys; they change with settings and versions")
    }
    for (role, parent) in node.parents.sorted(by: { $0.key < $1.key }) where try !isDone(parent) {
      throw UpcycleError(
        "the stage before it is not finished", at: "`stage`",
        expected: "its \(role), \(parent.prefix(10))",
        found: "nothing",
        hint: "run that one first")
    }
    let name = "\(plan.spec.name) \(node.cells[0])"
    let board = SweepProgress(todo: try isDone(node.key) ? [:] : [node.key: nil], quiet: quiet)
    defer { board.finish() }
    do {
      try run(node, of: name, board)
    } catch let absent as InputAbsent {
      throw UpcycleError(
        "an input is absent", at: "\(name), \(node.stage.name)", expected: absent.what, found: "nothing",
        hint: "bring it along; lab run leaves out the cells that lack it")
    }
  }
}
