import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Values between the candidate's process and the tests', in the encoding of docs/sandbox.md. */
final class Plain {
    static final int MOST_BYTES = 1 << 24;
    private static final int MOST_DEPTH = 64;
    /** What arrays may hold; any other class counts as Object. */
    private static final List<Class<?>> COMPONENTS = List.of(
        Object.class, boolean.class, char.class, int.class, long.class, float.class, double.class, String.class,
        Integer.class, Long.class, Double.class, Boolean.class, int[].class, double[].class, String[].class);

    private Plain() {}

    /** A value that has no plain form, or a message that is none. */
    static final class Unreadable extends IOException {
        Unreadable(String message) {
            super(message);
        }
    }

    /** Descriptors beyond the first three, which Java opens by no documented way. */
    static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
        Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        return constructor.newInstance(number);
    }

    static byte[] written(Object... values) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        for (Object value : values) {
            put(out, value, 0);
        }
        return bytes.toByteArray();
    }

    static DataInputStream reading(byte[] message) {
        return new DataInputStream(new ByteArrayInputStream(message));
    }

    /** A message is its length in four bytes, and so many. */
    static void send(DataOutputStream out, byte[] message) throws IOException {
        out.writeInt(message.length);
        out.write(message);
        out.flush();
    }

    static byte[] receive(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > MOST_BYTES) {
            throw new Unreadable("a message has more than " + MOST_BYTES + " bytes");
        }
        byte[] message = new byte[length];
        in.readFully(message);
        return message;
    }

    private static void put(DataOutputStream out, Object value, int depth) throws IOException {
        if (depth > MOST_DEPTH) {
            throw new Unreadable("a value is nested too deep");
        }
        if (value == null) {
            out.writeByte('n');
        } else if (value instanceof Boolean) {
            whole(out, 'b', (Boolean) value ? 1 : 0);
        } else if (value instanceof Character) {
            whole(out, 'c', (Character) value);
        } else if (value instanceof Integer) {
            whole(out, 'i', (Integer) value);
        } else if (value instanceof Long) {
            whole(out, 'l', (Long) value);
        } else if (value instanceof Float) {
            whole(out, 'f', Double.doubleToRawLongBits((Float) value));
        } else if (value instanceof Double) {
            whole(out, 'd', Double.doubleToRawLongBits((Double) value));
        } else if (value instanceof String) {
            text(out, 's', (String) value);
        } else if (value.getClass() == BigInteger.class) {
            text(out, 'I', value.toString());
        } else if (value.getClass() == BigDecimal.class) {
            text(out, 'D', value.toString());
        } else {
            putItems(out, value, depth + 1);
        }
    }

    private static void putItems(DataOutputStream out, Object value, int depth) throws IOException {
        if (value instanceof Optional) {
            out.writeByte(((Optional<?>) value).isPresent() ? 'o' : 'e');
            if (((Optional<?>) value).isPresent()) {
                put(out, ((Optional<?>) value).get(), depth);
            }
        } else if (value instanceof Map.Entry) {
            out.writeByte('p');
            put(out, ((Map.Entry<?, ?>) value).getKey(), depth);
            put(out, ((Map.Entry<?, ?>) value).getValue(), depth);
        } else if (value instanceof Map) {
            Map<?, ?> copy = new LinkedHashMap<>((Map<?, ?>) value);
            count(out, 'm', copy.size());
            for (Map.Entry<?, ?> entry : copy.entrySet()) {
                put(out, entry.getKey(), depth);
                put(out, entry.getValue(), depth);
            }
        } else if (value instanceof Collection) {
            Object[] items = ((Collection<?>) value).toArray();
            count(out, value instanceof Set ? 'S' : 'a', items.length);
            for (Object item : items) {
                put(out, item, depth);
            }
        } else if (value.getClass().isArray()) {
            count(out, 'A', Array.getLength(value));
            out.writeByte(Math.max(0, COMPONENTS.indexOf(value.getClass().getComponentType())));
            for (int i = 0; i < Array.getLength(value); i++) {
                put(out, Array.get(value, i), depth);
            }
        } else {
            throw new Unreadable("a value of the class " + value.getClass().getName() + " has no plain form");
        }
    }

    private static void whole(DataOutputStream out, char kind, long value) throws IOException {
        out.writeByte(kind);
        out.writeLong(value);
    }

    private static void count(DataOutputStream out, char kind, int items) throws IOException {
        out.writeByte(kind);
        out.writeInt(items);
    }

    private static void text(DataOutputStream out, char kind, String value) throws IOException {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        count(out, kind, bytes.length);
        out.write(bytes);
    }

    static Object take(DataInputStream in) throws IOException {
        return take(in, 0);
    }

    private static Object take(DataInputStream in, int depth) throws IOException {
        if (depth > MOST_DEPTH) {
            throw new Unreadable("a value is nested too deep");
        }
        int kind = in.readByte();
        switch (kind) {
            case 'n': return null;
            case 'b': return in.readLong() != 0;
            case 'c': return (char) in.readLong();
            case 'i': return (int) in.readLong();
            case 'l': return in.readLong();
            case 'f': return (float) Double.longBitsToDouble(in.readLong());
            case 'd': return Double.longBitsToDouble(in.readLong());
            case 's': return text(in).intern(); // as literals of the tests are, which some compare by identity
            case 'I': return new BigInteger(number(in));
            case 'D': return new BigDecimal(number(in));
            default: return takeItems(in, kind, depth + 1);
        }
    }

    private static Object takeItems(DataInputStream in, int kind, int depth) throws IOException {
        switch (kind) {
            case 'e': return Optional.empty();
            case 'o': return Optional.of(take(in, depth));
            case 'p': return new AbstractMap.SimpleEntry<>(take(in, depth), take(in, depth));
            case 'm':
                Map<Object, Object> map = new LinkedHashMap<>();
                for (int left = count(in); left > 0; left--) {
                    map.put(take(in, depth), take(in, depth));
                }
                return map;
            case 'a':
            case 'S':
                Collection<Object> items = kind == 'S' ? new LinkedHashSet<>() : new ArrayList<>();
                for (int left = count(in); left > 0; left--) {
                    items.add(take(in, depth));
                }
                return items;
            case 'A':
                int length = count(in);
                Object array = Array.newInstance(COMPONENTS.get(in.readByte()), length);
                for (int i = 0; i < length; i++) {
                    Array.set(array, i, take(in, depth));
                }
                return array;
            default: throw new Unreadable("there is no kind " + kind);
        }
    }

    /** A number of items, each of which takes a byte at least. */
    private static int count(DataInputStream in) throws IOException {
        int items = in.readInt();
        if (items < 0 || items > in.available()) {
            throw new Unreadable("a value ends too early");
        }
        return items;
    }

    private static String text(DataInputStream in) throws IOException {
        byte[] bytes = new byte[count(in)];
        in.readFully(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** Of bounded length, since reading digits takes more than linear time. */
    private static String number(DataInputStream in) throws IOException {
        String digits = text(in);
        if (digits.length() > 10_000 || digits.matches(".*[eE].{5,}")) {
            throw new Unreadable("a number is too long");
        }
        return digits;
    }

    /** The value as what a method says it takes or returns, such as a LinkedList. */
    @SuppressWarnings("unchecked")
    static Object fitting(Object value, Class<?> wanted) throws ReflectiveOperationException {
        if (value == null || wanted.isPrimitive() || wanted.isInstance(value)) {
            return value;
        }
        boolean queue = wanted == java.util.Queue.class || wanted == java.util.Deque.class;
        Object other = (queue ? LinkedList.class : wanted).getDeclaredConstructor().newInstance();
        if (value instanceof Collection) {
            ((Collection<Object>) other).addAll((Collection<Object>) value);
        } else {
            ((Map<Object, Object>) other).putAll((Map<Object, Object>) value);
        }
        return other;
    }
}
