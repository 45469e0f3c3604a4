@main struct Main { static func main() { print("xecomla: not built yet") } }
