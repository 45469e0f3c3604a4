/// Records by key, to find those that settle the jobs of a plan.
struct RecordIndex {
  private var records: [String: [Record]] = [:]
  private var threads: Set<Int> = []

  init(_ all: [Record]) {
    for record in all {
      records[record.key, default: []].append(record)
      threads.insert(record.threads)
    }
  }

  /// The job's own record.
  func record(of job: Plan.Job, in plan: Plan) -> Record? {
    sharedRecords(of: job, in: plan).first { $0.cell == job.cell.id && $0.seed == job.seed }
  }

  /// A record of whatever cell that says what the job's would: its pipeline, parameters and seed are the same.
  func sharedRecord(of job: Plan.Job, in plan: Plan) -> Record? { sharedRecords(of: job, in: plan).first }

  /// On whatever number of threads they were made: threads are part of a key, and change nothing but the last bits of
  /// sums. Where a stage measures time they change what it measures: only the planned number will do.
  private func sharedRecords(of job: Plan.Job, in plan: Plan) -> [Record] {
    let planned = records[job.key] ?? []
    if job.steps.contains(where: { plan.nodes[$0.key]!.stage.isTimed }) { return planned }
    return planned + threads.sorted().flatMap { records[plan.key(of: job, threads: $0)] ?? [] }
  }
}
