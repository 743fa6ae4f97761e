"""The words of the sign-in pages in Chinese; English is the key."""

from __future__ import annotations

from collections.abc import Callable

CHINESE = {
    "Sign in": "登录",
    "Sign out": "退出登录",
    "Sign out of Tocsin?": "要退出 Tocsin 吗？",
    "This ends your sessions on every screen.": "您在所有屏幕上的会话都会结束。",
    "Stay": "不退出",
    "E-mail": "电子邮箱",
    "Name": "姓名",
    "Password": "密码",
    "Password again": "再次输入密码",
    "Present password": "当前密码",
    "New password": "新密码",
    "New password again": "再次输入新密码",
    "Change password": "修改密码",
    "Your account": "您的账户",
    "Roles": "角色",
    "Back": "返回",
    "First administrator": "第一位管理员",
    "Create the account": "创建账户",
    "Not possible": "无法执行",
    "Multi-hazard watch and early warning": "多灾种监视与预警",
    "At least 12 characters. A few words make a good password.": "至少 12 个字符。几个词语组合就是好密码。",
    "There is no account yet. Open the link that Tocsin printed on its console when it started.":
        "还没有任何账户。请打开 Tocsin 启动时在控制台显示的链接。",
    "This administrator also gets the roles duty and viewer. Authors and approvers of warnings are appointed later.":
        "该管理员同时具有值班和查看角色。预警的编写人和审批人以后再指定。",
    "The page was open for too long. Please try again.": "页面打开时间过长，请重试。",
    "Too many wrong attempts. Please wait a few minutes.": "错误次数过多，请几分钟后再试。",
    "This e-mail address and password do not belong together.": "电子邮箱或密码不正确。",
    "The two passwords differ.": "两次输入的密码不一致。",
    "This is not an e-mail address.": "这不是有效的电子邮箱地址。",
    "The present password is not right.": "当前密码不正确。",
    "Your password is changed. Other sessions have ended.": "密码已修改，其他会话已结束。",
    "This link is not valid, or no longer. It is printed when Tocsin starts without an account.":
        "此链接无效或已失效。Tocsin 在没有账户的情况下启动时会显示新的链接。",
    "A password has at least 12 characters.": "密码至少 12 个字符。",
    "A password has at most 128 characters.": "密码最多 128 个字符。",
    "This password is among the first that an attacker tries.": "此密码过于常见，容易被猜中。",
    "This account may not do that.": "此账户无权执行该操作。",
    "This request came from another site.": "此请求来自其他网站。",
    "This request came from another origin.": "此请求来自其他来源。",
    "The page is out of date: load it again.": "页面已过期，请重新加载。",
    "Send JSON.": "请发送 JSON。",
    "Sign in first.": "请先登录。",
    "This token is not known.": "令牌无效。",
    "viewer": "查看",
    "duty": "值班",
    "planner": "规划",
    "author": "编写",
    "approver": "审批",
    "admin": "管理",
}  # fmt: skip


def words(locale: str) -> Callable[[str], str]:
    """The function that turns an English text of these pages into the reader's language."""
    return (lambda text: CHINESE.get(text, text)) if locale == "zh" else str
