import LabKit

/// Every stage that experiment files may name.
public func standardStages() -> StageRegistry { StageRegistry() }
