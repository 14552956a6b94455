// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    static let formatting: [CELStandardFunction] = [
        CELStandardFunction([.method("format", [.string, .list(.dyn)], .string)]) {
            arguments,
            cost throws(CELEvaluationError) in
            guard case .string(let template) = arguments[0], case .list(let values) = arguments[1] else {
                return nil
            }
            if let unknown = Self.unknownElement(of: values) {
                return .unknown(unknown)
            }
            try cost.spend(bytes: template.utf8.count)
            var formatter = Formatter(template, values)
            let text = try formatter.run(&cost)
            return .string(text)
        }
    ]

    /// `%s`, `%d`, `%f`, `%e`, `%b`, `%o`, `%x`, `%X` and `%%`, with a precision such as `%.2f`.
    private struct Formatter {
        private var rest: ArraySlice<Unicode.Scalar>
        private var values: ArraySlice<CELValue>
        private var result = String.UnicodeScalarView()

        /// More digits than any double has.
        private static let highestPrecision = 100

        init(_ template: String, _ values: [CELValue]) {
            self.rest = Array(template.unicodeScalars)[...]
            self.values = values[...]
        }

        mutating func run(_ cost: inout CELCost) throws(CELEvaluationError) -> String {
            while let scalar = self.rest.popFirst() {
                guard scalar == "%" else {
                    self.result.append(scalar)
                    continue
                }
                if self.rest.first == "%" {
                    self.rest.removeFirst()
                    self.result.append("%")
                    continue
                }
                let precision = try self.precision()
                guard let verb = self.rest.popFirst() else {
                    throw Self.wrong("'%' stands at the end")
                }
                guard let value = self.values.popFirst() else {
                    throw Self.wrong("there is no value for '%\(verb)'")
                }
                let text = try Self.text(of: value, verb, precision)
                try cost.spend(1)
                try cost.spend(bytes: text.utf8.count)
                self.result.append(contentsOf: text.unicodeScalars)
            }
            return String(self.result)
        }

        private static func wrong(_ message: String) -> CELEvaluationError {
            CELEvaluationError(
                .invalidArgument,
                "'format': \(message)",
                help: "there is %s, %d, %f, %e, %b, %o, %x, %X and %%"
            )
        }

        private mutating func precision() throws(CELEvaluationError) -> Int? {
            guard self.rest.first == "." else {
                return nil
            }
            self.rest.removeFirst()
            var value = 0
            var count = 0
            while let scalar = self.rest.first, ("0"..."9").contains(scalar), value <= Self.highestPrecision {
                value = value * 10 + Int(scalar.value - 48)
                count += 1
                self.rest.removeFirst()
            }
            guard count > 0, value <= Self.highestPrecision else {
                throw Self.wrong("the precision is no number up to \(Self.highestPrecision)")
            }
            return value
        }

        private static func text(
            of value: CELValue,
            _ verb: Unicode.Scalar,
            _ precision: Int?
        ) throws(CELEvaluationError) -> String {
            let text: String? =
                switch verb {
                case "s": Self.plain(value)
                case "d": Self.decimal(value)
                case "f": Self.number(value).map { DecimalText.fixed($0, digits: precision ?? 6) }
                case "e": Self.number(value).map { DecimalText.scientific($0, digits: precision ?? 6) }
                case "b": Self.digits(value, radix: 2)
                case "o": Self.digits(value, radix: 8)
                case "x": Self.hexadecimal(value, isUpper: false)
                case "X": Self.hexadecimal(value, isUpper: true)
                default: throw Self.wrong("there is no '%\(verb)'")
                }
            guard let text else {
                throw Self.wrong("'%\(verb)' cannot write \(value.typeName)")
            }
            return text
        }

        /// As `string()` writes it; lists and maps with what they hold.
        private static func plain(_ value: CELValue) -> String? {
            switch value {
            case .duration(let value): return value.secondsText
            case .list(let elements):
                let parts = elements.compactMap { self.plain($0) }
                return parts.count == elements.count ? "[" + parts.joined(separator: ", ") + "]" : nil
            case .map(let map):
                let parts = map.entries.compactMap { entry in
                    self.plain(entry.key).flatMap { key in self.plain(entry.value).map { "\(key): \($0)" } }
                }
                return parts.count == map.entries.count
                    ? "{" + parts.sorted { CELOrder.of($0, $1) == .ascending }.joined(separator: ", ") + "}" : nil
            case .optional, .unknown, .partialList, .interval: return nil
            default: return value.text
            }
        }

        private static func decimal(_ value: CELValue) -> String? {
            switch value {
            case .int, .uint: value.text
            case .double(let number) where !number.isFinite: value.text
            default: nil
            }
        }

        private static func number(_ value: CELValue) -> Double? {
            switch value {
            case .double(let number): number
            case .int(let number): Double(number)
            case .uint(let number): Double(number)
            case .string("NaN"): .nan
            case .string("Infinity"): .infinity
            case .string("-Infinity"): -.infinity
            default: nil
            }
        }

        private static func digits(_ value: CELValue, radix: Int) -> String? {
            switch value {
            case .bool(let value) where radix == 2: value ? "1" : "0"
            case .int(let value): String(value, radix: radix)
            case .uint(let value): String(value, radix: radix)
            default: nil
            }
        }

        private static func hexadecimal(_ value: CELValue, isUpper: Bool) -> String? {
            switch value {
            case .int(let value): String(value, radix: 16, uppercase: isUpper)
            case .uint(let value): String(value, radix: 16, uppercase: isUpper)
            case .string(let value): self.hexadecimal(.bytes(Array(value.utf8)), isUpper: isUpper)
            case .bytes(let bytes):
                bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: isUpper) }.joined()
            default: nil
            }
        }
    }
}

/// Decimal digits of doubles, exact and rounded to even, without the C library.
enum DecimalText {
    /// `12.50` for two digits.
    static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite else {
            return CELValue.shortest(value)
        }
        let number = self.scaled(value.magnitude, by: digits)
        let text = self.padded(self.text(number), to: digits + 1)
        let whole = text.dropLast(digits)
        return (value.sign == .minus ? "-" : "") + whole + (digits > 0 ? "." + text.suffix(digits) : "")
    }

    /// `1.250000e+01`.
    static func scientific(_ value: Double, digits: Int) -> String {
        guard value.isFinite else {
            return CELValue.shortest(value)
        }
        var exponent = 0
        var text = String(repeating: "0", count: digits + 1)
        if value != 0 {
            // The shortest form says where the first digit is; rounding may move it by one.
            exponent = self.exponent(of: value.magnitude)
            text = self.text(self.scaled(value.magnitude, by: digits - exponent))
            if text.utf8.count > digits + 1 {
                exponent += 1
                text = self.text(self.scaled(value.magnitude, by: digits - exponent))
            }
        }
        let sign = value.sign == .minus ? "-" : ""
        let power = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
        let tail = digits > 0 ? "." + text.suffix(digits) : ""
        return "\(sign)\(text.prefix(1))\(tail)e\(exponent < 0 ? "-" : "+")\(power)"
    }

    /// Of the first digit that is not zero.
    private static func exponent(of magnitude: Double) -> Int {
        let text = "\(magnitude)"
        let parts = text.split(separator: "e")
        let power = parts.count == 2 ? Int(parts[1].hasPrefix("+") ? parts[1].dropFirst() : parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        if let first = mantissa[0].first, first != "0" {
            return power + mantissa[0].count - 1
        }
        let zeros = mantissa.count > 1 ? mantissa[1].prefix { $0 == "0" }.count : 0
        return power - zeros - 1
    }

    /// `value * 10^power`, rounded to a whole number, as limbs of nine digits, lowest first.
    private static func scaled(_ value: Double, by power: Int) -> [UInt32] {
        // The value is significand * 2^shift, exactly.
        let significand = value.significandBitPattern | (value.isNormal ? 1 << 52 : 0)
        let shift = (value.isNormal ? Int(value.exponentBitPattern) : 1) - 1_075
        var number = Limbs(significand)
        if power > 0 {
            number.multiply(by: 10, times: power)
        }
        if shift > 0 {
            number.multiply(by: 2, times: shift)
        }
        var divisor = Limbs(1)
        if power < 0 {
            divisor.multiply(by: 10, times: -power)
        }
        if shift < 0 {
            divisor.multiply(by: 2, times: -shift)
        }
        return number.dividedRounding(by: divisor).limbs
    }

    private static func text(_ limbs: [UInt32]) -> String {
        var text = "\(limbs.last ?? 0)"
        for limb in limbs.dropLast().reversed() {
            text += self.padded("\(limb)", to: 9)
        }
        return text
    }

    private static func padded(_ text: String, to width: Int) -> String {
        String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}

/// A natural number of any size; as much arithmetic as writing doubles takes.
private struct Limbs {
    private static let base: UInt64 = 1_000_000_000
    /// Nine decimal digits each, lowest first, without zeros at the end.
    private(set) var limbs: [UInt32] = []

    init(_ value: UInt64) {
        var rest = value
        while rest > 0 {
            self.limbs.append(UInt32(rest % Self.base))
            rest /= Self.base
        }
    }

    mutating func multiply(by factor: UInt64, times: Int) {
        for _ in 0..<times {
            var carry: UInt64 = 0
            for index in self.limbs.indices {
                let product = UInt64(self.limbs[index]) * factor + carry
                self.limbs[index] = UInt32(product % Self.base)
                carry = product / Self.base
            }
            if carry > 0 {
                self.limbs.append(UInt32(carry))
            }
        }
    }

    /// The nearest whole number, and of two equally near ones the even one.
    func dividedRounding(by divisor: Limbs) -> Limbs {
        var quotient = Limbs(0)
        var remainder = Limbs(0)
        for limb in self.limbs.reversed() {
            remainder.append(lowest: limb)
            var digit: UInt64 = 0
            // Binary search for the digit keeps this short; numbers here have a few dozen limbs.
            var step: UInt64 = 1 << 29
            while step > 0 {
                if digit + step < Self.base, !remainder.isLess(than: divisor.times(digit + step)) {
                    digit += step
                }
                step >>= 1
            }
            remainder.subtract(divisor.times(digit))
            quotient.append(lowest: UInt32(digit))
        }
        let doubled = remainder.times(2)
        let isOdd = (quotient.limbs.first ?? 0) % 2 == 1
        if divisor.isLess(than: doubled) || isOdd && !doubled.isLess(than: divisor) {
            quotient.increment()
        }
        return quotient
    }

    private mutating func append(lowest limb: UInt32) {
        self.limbs.insert(limb, at: 0)
        self.trim()
    }

    private mutating func trim() {
        while self.limbs.last == 0 {
            self.limbs.removeLast()
        }
    }

    private func times(_ factor: UInt64) -> Limbs {
        var copy = self
        copy.multiply(by: factor, times: 1)
        copy.trim()
        return copy
    }

    private func isLess(than other: Limbs) -> Bool {
        guard self.limbs.count == other.limbs.count else {
            return self.limbs.count < other.limbs.count
        }
        for (mine, theirs) in zip(self.limbs.reversed(), other.limbs.reversed()) where mine != theirs {
            return mine < theirs
        }
        return false
    }

    private mutating func subtract(_ other: Limbs) {
        var borrow: Int64 = 0
        for index in self.limbs.indices {
            let theirs = index < other.limbs.count ? Int64(other.limbs[index]) : 0
            var difference = Int64(self.limbs[index]) - theirs - borrow
            borrow = difference < 0 ? 1 : 0
            difference += borrow * Int64(Self.base)
            self.limbs[index] = UInt32(difference)
        }
        self.trim()
    }

    private mutating func increment() {
        for index in self.limbs.indices {
            if UInt64(self.limbs[index]) + 1 < Self.base {
                self.limbs[index] += 1
                return
            }
            self.limbs[index] = 0
        }
        self.limbs.append(1)
    }
}
