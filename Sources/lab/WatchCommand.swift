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
      of this machine, and disturbs nothing; give it the experiments, profile and seeds of the run. It ends with the run, \
      or with Ctrl-C.

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
      let plans = try selection.plans(in: laboratory, registry: standardStages())
      let size = terminalSize()
      if once || size == nil {
        return try printResult(SweepView(plans, in: laboratory).text(columns: size?.columns ?? 120, lines: 1000))
      }
      Interrupt.listen()
      while true {
        let view = try SweepView(plans, in: laboratory)
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
}
