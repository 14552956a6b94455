// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    static let times: [CELStandardFunction] = [
        part("getFullYear") { date, _ in date.year },
        part("getMonth") { date, _ in date.month - 1 },
        part("getDate") { date, _ in date.day },
        part("getDayOfMonth") { date, _ in date.day - 1 },
        part("getDayOfWeek") { date, _ in date.weekday },
        part("getDayOfYear") { date, _ in date.dayOfYear },
        part("getHours", of: { $0 / 3_600_000_000_000 }, { date, _ in date.secondOfDay / 3_600 }),
        part("getMinutes", of: { $0 / 60_000_000_000 }, { date, _ in date.secondOfDay / 60 % 60 }),
        part("getSeconds", of: { $0 / 1_000_000_000 }, { date, _ in date.secondOfDay % 60 }),
        part(
            "getMilliseconds",
            of: { $0 / 1_000_000 % 1_000 },
            { _, nanoseconds in nanoseconds / 1_000_000 }
        ),
    ]

    /// A getter of timestamps, in UTC or a given zone, and perhaps of durations (given in nanoseconds).
    private static func part(
        _ name: String,
        of duration: (@Sendable (Int64) -> Int64)? = nil,
        _ timestamp: @escaping @Sendable (CELCalendarDate, Int64) -> Int64
    ) -> CELStandardFunction {
        var overloads: [CELFunctionDeclaration] = [
            .method(name, [.timestamp], .int), .method(name, [.timestamp, .string], .int),
        ]
        if duration != nil {
            overloads.append(.method(name, [.duration], .int))
        }
        return CELStandardFunction(overloads) { arguments, _ throws(CELEvaluationError) in
            switch arguments[0] {
            case .duration(let value) where arguments.count == 1:
                return duration.map { .int($0(value.nanoseconds)) }
            case .timestamp(let value) where arguments.count == 1:
                let date = CELCalendarDate(secondsSinceEpoch: value.seconds)
                return .int(timestamp(date, Int64(value.nanoseconds)))
            case .timestamp(let value):
                guard arguments.count == 2, case .string(let zone) = arguments[1] else {
                    return nil
                }
                guard let offset = zoneOffset(named: zone) else {
                    throw CELEvaluationError(
                        .invalidArgument,
                        "time zone '\(zone.prefix(64))' is not known",
                        help: "use UTC or a fixed offset such as '+01:00'"
                    )
                }
                let date = CELCalendarDate(secondsSinceEpoch: value.seconds + offset)
                return .int(timestamp(date, Int64(value.nanoseconds)))
            default:
                return nil
            }
        }
    }
}
