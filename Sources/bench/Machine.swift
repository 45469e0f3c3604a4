import Foundation
import LabKit

/// Where a report was measured. No host name: records are public.
struct Machine: Encodable {
  var cpu: String
  var cores: Int
  var threads: Int
  /// 512-bit vectors, which decide which kernels run.
  var avx512: Bool
  var memoryGiB: Int
  /// Load average over a minute before the first measurement: above 1, the figures are somebody else's too.
  var loadBefore: Double
  var commit: String

  init(threads: Int) {
    let surroundings = Surroundings(root: URL(fileURLWithPath: "."))
    cpu = surroundings.host.cpu
    cores = surroundings.host.cores
    commit = surroundings.commit
    self.threads = threads
    let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    avx512 = info.contains("avx512f")
    memoryGiB = Int(ProcessInfo.processInfo.physicalMemory >> 30)
    let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    loadBefore = load.split(separator: " ").first.flatMap { Double($0) } ?? 0
  }

  private enum CodingKeys: String, CodingKey {
    case cpu, cores, threads, avx512, memoryGiB = "memory_gib", loadBefore = "load_before", commit
  }
}
