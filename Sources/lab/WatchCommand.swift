import ArgumentParser
import Commands
import Foundation
import Groundwork
import LabKit
import Recipes

struct WatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Shows a running sweep: cells, stages, loss, time left.",
    discussion: """
      ■ done, ▶ running, · to do, in the order of the pipeline. It reads what the run leaves on disk, from any terminal \
      of this machine, and disturbs nothing; give it the experiments, profile and seeds of the run (of one that has other \
      threads than usual its --threads or --jobs too). It ends with the run, or with Ctrl-C.

      Example:
        lab watch xecomla/table3 --seeds 1,2,3
      """)

  @OptionGroup var place: Place
  @OptionGroup var selection: Selection
  @Option(help: "Seconds between looks (default: 2).") var every: Double?
  @Flag(help: "Look once.") var once = false

  func run() {
    runReportingErrors {
      if once { try refuse(["--every": every != nil], "says nothing with --once") }
      let every = every ?? 2
      if !(0.2...3600).contains(every) {
        throw UpcycleError.usage("is out of range", at: "--every", expected: "0.2 to 3600 seconds", found: "\(every)")
      }
      let laboratory = try place.measuredLaboratory()
      var plans = try self.plans(in: laboratory)
      let size = terminalSize()
      if once || size == nil {
        return try printResult(SweepView(plans, in: laboratory).text(columns: size?.columns ?? 120, lines: 1000))
      }
      Interrupt.listen()
      while true {
        var view = try SweepView(plans, in: laboratory)
        if view.runningCount == 0, !view.isDone {
          // The run may have begun since, with other threads.
          plans = try self.plans(in: laboratory, telling: false)
          view = try SweepView(plans, in: laboratory)
        }
        let size = terminalSize() ?? (80, 24)
        // Home, the text with every line's rest cleared, and everything below.
        let text = view.text(columns: size.columns - 1, lines: size.lines - 1)
          .replacingOccurrences(of: "\n", with: "\u{1b}[K\n")
        try printResult("\u{1b}[H\(text)\u{1b}[K\n\u{1b}[J", terminator: "")
        if view.isDone || Interrupt.isRaised { return }
        let end = monotonicSeconds() + every
        while monotonicSeconds() < end, !Interrupt.isRaised { usleep(100_000) }
        if Interrupt.isRaised { return }
      }
    }
  }

  /// Threads are part of a stage's key: of runs with one thread, as --jobs has them, and with the usual number the one that
  /// is under way, or else further.
  private func plans(in laboratory: Laboratory, telling: Bool = true) throws -> [Plan] {
    let usual = try selection.plans(in: laboratory, registry: standardStages(), telling: telling)
    if selection.threads != nil || selection.jobs > 1 { return usual }
    var other = selection
    other.jobs = 2
    let single = try other.plans(in: laboratory, registry: standardStages(), telling: false)
    let (a, b) = try (SweepView(usual, in: laboratory), SweepView(single, in: laboratory))
    return (b.runningCount, b.doneCount) > (a.runningCount, a.doneCount) ? single : usual
  }
}
