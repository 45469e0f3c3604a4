/// Records by key, to find those that settle the jobs of a plan.
struct RecordIndex {
  private var records: [String: Record] = [:]
  private var threads: Set<Int> = []

  /// Of several with one key the first.
  init(_ all: [Record]) {
    for record in all where records[record.key] == nil {
      records[record.key] = record
      threads.insert(record.threads)
    }
  }

  /// A job's record, on whatever number of threads it was made: they are part of a key, and change nothing but the last bits
  /// of sums. Where a stage measures time they change what it measures: only the planned number will do.
  func record(of job: Plan.Job, in plan: Plan) -> Record? {
    if let record = records[job.key] { return record }
    if job.steps.contains(where: { plan.nodes[$0.key]!.stage.isTimed }) { return nil }
    return threads.sorted().lazy.compactMap { records[plan.key(of: job, threads: $0)] }.first
  }
}
