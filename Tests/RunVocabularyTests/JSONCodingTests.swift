// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Testing

@Suite struct JSONCodingTests {
    enum Event: Codable, Hashable {
        case started
        case probed(host: String, attempts: Int)
        case failed(String, after: Duration?)
        indirect case nested(Event)
    }

    struct Record: Codable, Hashable {
        enum Kind: String, Codable { case first, second }
        struct Name: RawRepresentable, Codable, Hashable, CodingKeyRepresentable { var rawValue: String }

        var zulu = 1
        var kind = Kind.second
        var name = Name(rawValue: "drain")
        var events: [Event] = [.started, .probed(host: "h", attempts: 3), .failed("x", after: .milliseconds(250))]
        var table = ["b": 1.5, "a": -0.0]
        var numbers: [Int: Bool] = [10: true, 9: false]
        var named: [Name: [UInt8]] = [Name(rawValue: "y"): [1], Name(rawValue: "x"): []]
        var flags: Set<String> = ["q", "p", "r"]
        var absent: Int?
        var present: Int? = 4
        var list: [Int?] = [1, nil]
        var big = UInt64.max
        var free: JSON = ["k": [nil, 1, 1.5]]
        var wait = Duration.seconds(90)
        var digest = ContentDigest(of: [])
    }

    @Test func `a record comes back as it was`() throws {
        var record = Record()
        record.events.append(.nested(.failed("deep", after: nil)))
        let json = try JSONEncoding.encode(record)
        #expect(try JSONDecoding.decode(Record.self, from: json) == record)
        #expect(try JSONDecoding.decode(Record.self, from: JSON(parsing: json.prettyText)) == record)
        #expect(try JSONDecoding.decode(Record.self, from: json.canonical()) == record)
    }

    @Test func `members keep the order of declaration, and unordered contents are sorted`() throws {
        let json = try JSONEncoding.encode(Record())
        #expect(
            json.text.hasPrefix(
                #"{"zulu":1,"kind":"second","name":"drain","events":[{"started":{}},{"probed":{"host":"h","attempts":3}},"#
                    + #"{"failed":{"_0":"x","after":"0.25s"}}],"table":{"a":-0.0,"b":1.5},"#
            )
        )
        #expect(json["numbers"]?.text == #"{"10":true,"9":false}"#)
        #expect(json["named"]?.text == #"{"x":[],"y":[1]}"#)
        #expect(json["flags"] == ["p", "q", "r"])
        #expect(json["absent"] == nil)
        #expect(json["list"] == [1, nil])
        #expect(json["big"] == "18446744073709551615")
        #expect(json["free"] == ["k": [nil, 1, 1.5]])
    }

    struct Pair: Codable, Hashable {
        var a: Int
        var b: Int
    }

    @Test func `a dictionary with keys that are no strings is sorted in pairs`() throws {
        let table = [Pair(a: 2, b: 1): "two", Pair(a: 1, b: 2): "one", Pair(a: 1, b: 1): "zero"]
        let json = try JSONEncoding.encode(table)
        #expect(json == [["a": 1, "b": 1], "zero", ["a": 1, "b": 2], "one", ["a": 2, "b": 1], "two"])
        #expect(try JSONDecoding.decode(from: json) == table)
    }

    @Test(arguments: [
        (Duration.seconds(90), "90s"), (.zero, "0s"), (.milliseconds(-250), "-0.25s"),
        (Duration(secondsComponent: 1, attosecondsComponent: 1), "1.000000000000000001s"),
        (.seconds(1_000_000_000_000), "1000000000000s"), (.milliseconds(-1_500), "-1.5s"),
    ])
    func `durations say their unit and lose nothing`(duration: Duration, text: String) throws {
        #expect(try JSONEncoding.encode(duration) == .string(text))
        #expect(try JSONDecoding.decode(Duration.self, from: .string(text)) == duration)
    }

    @Test(arguments: ["", "s", "-s", "90", "1.s", ".5s", "1e3s", "1.0000000000000000001s", "+1s", "--1s", "1m"])
    func `what is no duration is refused`(text: String) {
        #expect(throws: DecodingError.self) { try JSONDecoding.decode(Duration.self, from: .string(text)) }
    }

    @Test func `doubles beyond JSON come back`() throws {
        let json = try JSONEncoding.encode([Double.infinity, -.infinity, .nan, 3])
        let values = try JSONDecoding.decode([Double].self, from: json)
        #expect(values[0] == .infinity && values[1] == -.infinity && values[2].isNaN && values[3] == 3)
    }

    struct Plan: Codable {
        struct Step: Codable {
            var timeout: String
            var tries: UInt8?
        }
        var steps: [Step]
    }

    @Test(arguments: [
        (#"{"steps":[{"timeout":"1"},{"timeout":2}]}"#, "steps[1].timeout: expected a string, found a number"),
        (#"{"steps":[{}]}"#, "steps[0]: 'timeout' is missing"),
        (#"{"steps":[{"timeout":"1","tries":256}]}"#, "steps[0].tries: 256 does not fit into UInt8"),
        (
            #"{"steps":[{"timeout":"1","tries":1.5}]}"#,
            "steps[0].tries: expected a whole number, found a number with a fraction"
        ),
        (#"{"steps":[{"timeout":"1","tries":"1"}]}"#, "steps[0].tries: expected a whole number, found a string"),
        (#"{"steps":{}}"#, "steps: expected an array, found an object"),
        (#"[]"#, "expected an object, found an array"),
    ])
    func `a mismatch names its place`(text: String, message: String) throws {
        let json = try JSON(parsing: text)
        let error = #expect(throws: DecodingError.self) { try JSONDecoding.decode(Plan.self, from: json) }
        #expect(error.map(JSONDecoding.message) == message)
    }

    @Test func `kinds are never converted`() {
        #expect(throws: DecodingError.self) { try JSONDecoding.decode(Bool.self, from: 1) }
        #expect(throws: DecodingError.self) { try JSONDecoding.decode(String.self, from: 1) }
        #expect(throws: DecodingError.self) { try JSONDecoding.decode(Int.self, from: "1") }
        #expect(throws: DecodingError.self) { try JSONDecoding.decode(Int.self, from: 1.0) }
        #expect(throws: DecodingError.self) { try JSONDecoding.decode(Double.self, from: "1") }
        #expect(throws: DecodingError.self) { try JSONDecoding.decode([Int].self, from: nil) }
    }

    class Base: Codable {
        var base = 1
    }

    final class Derived: Base {
        var own = 2
        private enum CodingKeys: String, CodingKey { case own }

        override init() { super.init() }

        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.own = try container.decode(Int.self, forKey: .own)
            try super.init(from: container.superDecoder())
        }

        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.own, forKey: .own)
            try super.encode(to: container.superEncoder())
        }
    }

    @Test func `super encoders have a member of their own`() throws {
        let json = try JSONEncoding.encode(Derived())
        #expect(json == ["own": 2, "super": ["base": 1]])
        #expect(try JSONDecoding.decode(Derived.self, from: json).base == 1)
    }
}
