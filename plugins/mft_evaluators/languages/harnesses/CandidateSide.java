import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;

/** Compiles the candidate, then answers calls of one method. Nothing in this process is believed. */
public final class CandidateSide {
    private static Object object;

    private CandidateSide() {}

    /** Arguments: the class and the method. A reply is an array of the result, or what was thrown as a string. */
    public static void main(String[] names) throws Throwable {
        DataInputStream requests = new DataInputStream(new FileInputStream(Plain.descriptor(5)));
        DataOutputStream replies = new DataOutputStream(new FileOutputStream(Plain.descriptor(6)));
        ClassLoader loader;
        try {
            loader = Sources.load("candidate.txt", ClassLoader.getPlatformClassLoader(), "classes");
        } catch (IllegalArgumentException refused) {
            System.err.println(refused.getMessage());
            Runtime.getRuntime().halt(1);
            return;
        }
        Class<?> owner = loader.loadClass(names[0]);
        Plain.send(replies, Plain.written("ready"));
        while (true) {
            Object[] arguments;
            try {
                arguments = (Object[]) Plain.take(Plain.reading(Plain.receive(requests)));
            } catch (EOFException end) {
                Runtime.getRuntime().halt(0);
                return;
            }
            Plain.send(replies, answer(owner, names[1], arguments));
        }
    }

    private static byte[] answer(Class<?> owner, String name, Object[] arguments) {
        try {
            return answerOrThrow(owner, name, arguments);
        } catch (Throwable thrown) {
            try {
                return Plain.written(String.valueOf(thrown));
            } catch (Throwable again) {
                throw new IllegalStateException(again);
            }
        }
    }

    private static byte[] answerOrThrow(Class<?> owner, String name, Object[] arguments) throws Throwable {
        Method method = method(owner, name, arguments.length);
        method.setAccessible(true);
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = Plain.fitting(arguments[i], method.getParameterTypes()[i]);
        }
        try {
            if (!Modifier.isStatic(method.getModifiers()) && object == null) {
                Constructor<?> constructor = owner.getDeclaredConstructor();
                constructor.setAccessible(true);
                object = constructor.newInstance();
            }
            Object result = method.invoke(object, arguments);
            return Plain.written(new Object[] {new Object[] {result}});
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static Method method(Class<?> owner, String name, int parameters) throws NoSuchMethodException {
        for (Method method : owner.getDeclaredMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == parameters && !method.isSynthetic()) {
                return method;
            }
        }
        throw new NoSuchMethodException(name);
    }
}
