import Foundation

/// Runs `body` while threads want every processor three times over.
public func inACrowd(_ body: () throws -> Void) rethrows {
  let isOver = Flag()
  let threads = (0..<3 * ProcessInfo.processInfo.activeProcessorCount).map { _ in
    let thread = Thread { while !isOver.value {} }
    thread.start()
    return thread
  }
  defer {
    isOver.value = true
    while threads.contains(where: { !$0.isFinished }) { usleep(1000) }
  }
  try body()
}

/// Seconds that this thread has had of a processor.
public func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Keeps a processor busy until this thread has had so many seconds of one.
public func work(seconds: Double) {
  let end = processorSeconds() + seconds
  while processorSeconds() < end {}
}

private final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var isSet = false
  var value: Bool {
    get { lock.withLock { isSet } }
    set { lock.withLock { isSet = newValue } }
  }
}
